"""Work is done once for each attempt, and forgotten with it."""

import asyncio

import pytest

from control.controller.rollouts.works import NotDone, WorkKey, Works
from control.core.rollout_facts import Result, Work
from tests.support.polls import eventually

KEY = WorkKey("attempt", Work.VERIFY)


@pytest.fixture
async def works():
    return Works(asyncio.Event(), again_s=0.01)


async def test_work_under_way_or_done_is_not_begun_again(works):
    """However often it is asked for."""
    begun = []
    released = asyncio.Event()

    async def verify() -> Result:
        begun.append(1)
        await released.wait()
        return Result(is_good=True, detail="fine")

    works.start(KEY, verify())
    works.start(KEY, verify())
    await asyncio.sleep(0)
    assert works.is_running(Work.VERIFY)
    released.set()
    await eventually(lambda: works.done("attempt", 0), "it is done")
    works.start(KEY, verify())
    await asyncio.sleep(0)
    assert begun == [1]
    assert works.done("attempt", 0)[Work.VERIFY].detail == "fine"
    assert not works.is_running(Work.VERIFY)


async def test_work_that_could_not_be_done_is_done_again(works):
    """It says nothing of the version."""
    tries = []

    async def verify() -> Result:
        tries.append(1)
        if len(tries) == 1:
            message = "no memory"
            raise NotDone(message)
        return Result(is_good=True)

    def done():
        works.start(KEY, verify())
        return works.done("attempt", 0)

    assert not done()
    await eventually(lambda: works.held_up_by("attempt") == "no memory", "it has given up")
    await eventually(done, "it is done")
    assert tries == [1, 1]
    assert works.held_up_by("attempt") == ""


async def test_others_have_their_turn_while_it_waits():
    """What can never be done would keep the only place for ever."""
    wake = asyncio.Event()
    works = Works(wake, again_s=3600.0)

    async def verify() -> Result:
        await asyncio.sleep(0)
        assert works.is_running(Work.VERIFY)
        raise NotDone

    works.start(KEY, verify())
    await wake.wait()
    assert not works.is_running(Work.VERIFY)
    works.start(KEY, verify())
    await asyncio.sleep(0.01)
    assert not works.is_running(Work.VERIFY)  # nor is it tried again before its time
    works.forget_others(set())
    await eventually(lambda: not works._running, "it has ended")
    assert not works._resting


@pytest.mark.parametrize(
    ("fault", "reason", "told"),
    [
        (OSError(28, "No space left on device", "/secret"), "No space left on device", "/secret"),
        (
            KeyError("/secret"),
            "an unforeseen failure (KeyError): the log says more",
            "KeyError: '/secret'",
        ),
    ],
)
async def test_work_that_fails_is_not_done_again_at_once(capsys, fault, reason, told):
    """Nor does it fail without a word: why is seen by whoever asks, and all of it in the log."""
    works = Works(asyncio.Event(), again_s=3600.0)
    tries = []

    async def verify() -> Result:
        tries.append(1)
        raise fault

    for _ in range(3):
        works.start(KEY, verify())
        await eventually(lambda: works.held_up_by("attempt"), "it is held up")
    assert len(tries) == 1
    assert works.held_up_by("attempt") == reason
    assert works.held_up_by("another") == ""
    assert told in capsys.readouterr().out
    works.forget_others(set())
    assert works.held_up_by("attempt") == ""


async def test_what_is_asked_at_each_step_holds_for_that_step(works):
    """A refusal is asked about again."""

    async def agree() -> Result:
        return Result(is_good=True)

    async def refuse() -> Result:
        return Result(is_good=False, detail="not yet")

    works.start(WorkKey("attempt", Work.ASK_STEP, 10.0), agree())
    await eventually(lambda: Work.ASK_STEP in works.done("attempt", 10.0), "it has answered")
    assert works.done("attempt", 20.0) == {}
    works.start(WorkKey("attempt", Work.ASK_STEP, 20.0), refuse())
    await eventually(lambda: works.done("attempt", 20.0), "it has answered")
    await eventually(lambda: not works.done("attempt", 20.0), "it may be asked again")


async def test_work_of_an_attempt_that_is_over_is_cancelled(works):
    """A verification that nobody waits for ends."""
    cancelled = asyncio.Event()

    async def verify() -> Result:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Result(is_good=True)

    works.start(KEY, verify())
    works.stop("attempt", "its server died")
    await asyncio.sleep(0)
    works.forget_others(set())
    await asyncio.wait_for(cancelled.wait(), 5)
    assert works.stopped("attempt") == ""


async def test_cancelled_work_counts_until_it_has_ended(works):
    """It is told once: a second time would cut off how it ends what it has begun."""
    begun, ending, released = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def verify() -> Result:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ending.set()
            await released.wait()
        return Result(is_good=True)

    works.start(KEY, verify())
    await begun.wait()
    for _ in range(3):
        works.forget_others(set())
        await asyncio.wait_for(ending.wait(), 5)
        await asyncio.sleep(0)
        assert works.is_running(Work.VERIFY)
    released.set()
    await eventually(lambda: not works.is_running(Work.VERIFY), "it has ended")
    assert works.done("attempt", 0) == {}
