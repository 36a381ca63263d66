"""Calls that can be taken back: at once, and told from every other end."""

import asyncio

import pytest

from control.gateway.rollouts.under_way import Recalled, UnderWay
from tests.support.polls import eventually


class Calls:
    """Calls in tasks of their own."""

    def __init__(self) -> None:
        self.under_way = UnderWay()
        self.went_on: list[int] = []

    async def one(self, number: int, release: asyncio.Event, timeout_s: float | None = None) -> str:
        """Wait within a call; say how it ended."""
        try:
            async with asyncio.timeout(timeout_s):
                with self.under_way.call():
                    await release.wait()
                    self.went_on.append(number)
        except Recalled:
            await asyncio.sleep(0)  # whoever was recalled can go on waiting for other things
            return "recalled"
        except TimeoutError:
            return "timed out"
        return "answered"


async def test_a_recall_ends_every_call() -> None:
    """Each goes on without its answer; a second recall does them no harm."""
    calls, release = Calls(), asyncio.Event()
    tasks = [asyncio.create_task(calls.one(number, release)) for number in range(3)]
    await eventually(lambda: len(calls.under_way) == 3, "all are under way")
    calls.under_way.recall()
    calls.under_way.recall()
    assert await asyncio.gather(*tasks) == ["recalled"] * 3
    assert len(calls.under_way) == 0
    assert not any(task.cancelling() for task in tasks)


async def test_what_was_waited_for_comes_too_late() -> None:
    """A call whose turn it would have been next is recalled all the same."""
    calls, release = Calls(), asyncio.Event()
    task = asyncio.create_task(calls.one(1, release))
    await eventually(lambda: len(calls.under_way) == 1, "it is under way")
    release.set()
    calls.under_way.recall()
    assert await task == "recalled"
    assert not calls.went_on


async def test_without_a_recall_calls_end_as_they_do() -> None:
    """With an answer, at a time-out, or with a client that leaves."""
    calls, release = Calls(), asyncio.Event()
    waiting = asyncio.create_task(calls.one(1, release))
    leaving = asyncio.create_task(calls.one(2, release))
    assert await calls.one(3, asyncio.Event(), 0.001) == "timed out"
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    release.set()
    assert await waiting == "answered"
    calls.under_way.recall()
    assert len(calls.under_way) == 0


async def test_a_client_that_leaves_in_the_turn_of_a_recall_has_left() -> None:
    """Its request is not taken elsewhere."""
    calls = Calls()
    task = asyncio.create_task(calls.one(1, asyncio.Event()))
    await eventually(lambda: len(calls.under_way) == 1, "it is under way")
    task.cancel()
    calls.under_way.recall()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_out_in_the_turn_of_a_recall_is_one() -> None:
    """The clock around the call is not lost either."""
    under_way, loop = UnderWay(), asyncio.get_running_loop()
    scopes: list[asyncio.Timeout] = []

    async def ask() -> None:
        async with asyncio.timeout(None) as scope:
            scopes.append(scope)
            with under_way.call():
                await asyncio.Event().wait()

    task = asyncio.create_task(ask())
    await eventually(lambda: len(under_way) == 1, "it is under way")
    scopes[0].reschedule(loop.time())
    loop.call_soon(under_way.recall)
    with pytest.raises(TimeoutError):
        await task
    assert len(under_way) == 0


async def test_failures_are_passed_on() -> None:
    """A call that fails of itself says why."""
    under_way = UnderWay()
    with pytest.raises(ValueError, match="why"), under_way.call():
        raise ValueError("why")
    assert len(under_way) == 0
