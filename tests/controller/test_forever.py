"""A loop goes on for ever, whatever happens in it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from control.controller import forever
from control.controller.forever import run_for_ever
from tests.support.polls import eventually


class Ticks:
    """Counts, and fails as it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.fault: BaseException | None = None

    async def __call__(self) -> None:
        self.count += 1
        if self.fault is not None:
            raise self.fault


@contextlib.asynccontextmanager
async def going(
    ticks: Ticks, interval_s: float, wake: asyncio.Event | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Let a loop go on for a while."""
    task = asyncio.create_task(run_for_ever("test", ticks, interval_s, wake))
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("fault", [OSError(28, "No space left"), asyncio.CancelledError()])
async def test_a_tick_that_fails_is_told_and_does_not_end_the_loop(fault, monkeypatch, capsys):
    """Also where what it waited for has been cancelled: nobody has cancelled the loop."""
    monkeypatch.setattr(forever, "_PAUSE_S", 0.001)
    ticks = Ticks()
    ticks.fault = fault
    async with going(ticks, 0.001) as task:
        await eventually(lambda: ticks.count >= 3, "it goes on")
        assert not task.done()
        ticks.fault = None
        before = ticks.count
        await eventually(lambda: ticks.count > before + 2, "it is well again")
    told = capsys.readouterr().out
    assert "loop_failed" in told
    assert type(fault).__name__ in told


async def test_a_loop_that_fails_does_not_spin(monkeypatch):
    """It pauses for longer each time, and nothing wakes it."""
    paused: list[float] = []
    rest = asyncio.Event()

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 8:
            await rest.wait()

    monkeypatch.setattr(forever.asyncio, "sleep", sleep)
    ticks, wake = Ticks(), asyncio.Event()
    ticks.fault = ValueError("broken")
    wake.set()
    task = asyncio.create_task(run_for_ever("test", ticks, 0.0, wake))
    while len(paused) < 8:
        await asyncio.wait({task}, timeout=0.001)
    assert paused == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    task.cancel()
    await asyncio.wait({task})


async def test_a_loop_that_is_cancelled_ends():
    """In a tick as well as between two."""
    hanging = asyncio.Event()
    task = asyncio.create_task(run_for_ever("test", hanging.wait, 0.0))
    await asyncio.wait({task}, timeout=0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_a_loop_is_woken_before_its_time():
    """Once for all that has happened meanwhile."""
    ticks, wake = Ticks(), asyncio.Event()
    async with going(ticks, 3600.0, wake):
        await eventually(lambda: ticks.count == 1, "it has begun")
        wake.set()
        wake.set()
        await eventually(lambda: ticks.count == 2, "it is woken")
        assert not wake.is_set()
