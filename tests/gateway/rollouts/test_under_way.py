"""Calls that can be taken back: at once, and told from every other end."""

import asyncio
import weakref

import pytest

from control.gateway.rollouts.under_way import UnderWay
from tests.support.polls import eventually


class Calls:
    """Calls that wait to be released."""

    def __init__(self) -> None:
        self.under_way, self.release = UnderWay(), asyncio.Event()
        self.went_on: list[int] = []

    def begin(self, number: int) -> asyncio.Task[str]:
        """Begin one."""
        return self.under_way.begin(self._one(number))

    async def _one(self, number: int) -> str:
        await self.release.wait()
        self.went_on.append(number)
        return "answered"


async def test_a_recall_ends_every_call() -> None:
    """A second recall does no harm."""
    calls = Calls()
    tasks = [calls.begin(number) for number in range(3)]
    assert len(calls.under_way) == 3
    await asyncio.sleep(0)
    calls.under_way.recall()
    calls.under_way.recall()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
    assert len(calls.under_way) == 0


async def test_a_call_that_has_just_begun_is_recalled_before_it_does_anything() -> None:
    """Its first turn is yet to come."""
    calls = Calls()
    calls.release.set()
    task = calls.begin(1)
    calls.under_way.recall()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not calls.went_on


async def test_what_was_waited_for_comes_too_late() -> None:
    """A call whose turn it would have been next is recalled all the same."""
    calls = Calls()
    task = calls.begin(1)
    await asyncio.sleep(0)
    calls.release.set()
    calls.under_way.recall()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not calls.went_on


async def test_without_a_recall_calls_end_as_they_do() -> None:
    """With an answer, or a failure that says why; whoever waits may leave."""
    calls = Calls()
    task = calls.begin(1)

    async def wait() -> None:
        await asyncio.wait([task])

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert len(calls.under_way) == 1
    calls.release.set()
    assert await task == "answered"

    async def fail() -> str:
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        await calls.under_way.begin(fail())
    await eventually(lambda: len(calls.under_way) == 0, "none is under way")


async def test_a_call_that_was_taken_back_keeps_nothing() -> None:
    """Whoever still knows its task does not keep its request: Triton may go on for long."""
    calls = UnderWay()

    async def call(request: set[int]) -> None:
        await asyncio.Event().wait()
        request.clear()

    request = {1}
    kept = weakref.ref(request)
    task = calls.begin(call(request))
    del request
    await asyncio.sleep(0)
    calls.recall()
    await asyncio.wait([task])
    assert kept() is None
