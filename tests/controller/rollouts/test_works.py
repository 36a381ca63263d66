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

    works.start(KEY, verify())
    await eventually(lambda: not works.is_running(Work.VERIFY), "it has given up")
    assert works.done("attempt", 0) == {}
    assert works.held_up_by("attempt") == "no memory"
    works.start(KEY, verify())
    await eventually(lambda: works.done("attempt", 0), "it is done")
    assert works.held_up_by("attempt") == ""


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

    works.start(WorkKey("attempt", Work.ASK_STEP, 0), agree())
    await eventually(lambda: Work.ASK_STEP in works.done("attempt", 0), "it has answered")
    assert works.done("attempt", 1) == {}
    works.start(WorkKey("attempt", Work.ASK_STEP, 1), refuse())
    await eventually(lambda: works.done("attempt", 1), "it has answered")
    await eventually(lambda: not works.done("attempt", 1), "it may be asked again")


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
