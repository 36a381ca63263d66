"""Shared calls whose callers run out of time, leave, or come too late."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import DeadlineExceeded, Overloaded, UpstreamUnavailable
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.reuse import Source
from control.gateway.replies_of_triton import TritonFull
from tests.gateway.protection.reuse_scene import VIEW, Scene, asked
from tests.gateway.protection.stand_in_cases import request_for, values_of
from tests.support.virtual_time import run


def test_each_caller_waits_by_its_own_deadline() -> None:
    """A short one does not end the call that a long one waits for."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        (patient,) = await asked(scene, request_for(1.0), within_s=30.0)
        (hasty,) = await asked(scene, request_for(1.0), within_s=1.0)
        with pytest.raises(DeadlineExceeded):
            await hasty
        assert scene.now() == pytest.approx(1.0)
        scene.go.set()
        assert (await patient)[1] is Source.UPSTREAM
        assert len(scene.deadlines) == 1

    run(work())


def test_who_has_time_left_tries_again() -> None:
    """A flight that ran out of its starter's time is followed by one with the longest deadline."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        (hasty,) = await asked(scene, request_for(1.0), within_s=1.0)
        patient = await asked(scene, *[request_for(1.0)] * 20, within_s=10.0)
        most_patient = await asked(scene, *[request_for(1.0)] * 20, within_s=30.0)
        with pytest.raises(DeadlineExceeded):
            await hasty
        for one in patient:
            with pytest.raises(DeadlineExceeded):
                await one
        assert scene.now() == pytest.approx(10.0)
        scene.go.set()
        for one in most_patient:
            assert values_of((await one)[0]) == {"Y": [2.0]}
        assert scene.deadlines == [pytest.approx(1.0), pytest.approx(30.0)]

    run(work())


@pytest.mark.parametrize(("error", "calls"), [(Overloaded("no"), 2), (TritonFull("full"), 1)])
def test_who_would_have_waited_longer_is_not_refused_with_the_hasty(
    error: Overloaded, calls: int
) -> None:
    """A refusal at the limit depends on the deadline; one by Triton's own queue does not."""

    async def work() -> None:
        scene = Scene()
        scene.failures = [error]
        scene.go.clear()
        (hasty,) = await asked(scene, request_for(1.0), within_s=1.0)
        (patient,) = await asked(scene, request_for(1.0), within_s=30.0)
        scene.go.set()
        await asyncio.gather(hasty, patient, return_exceptions=True)
        assert isinstance(hasty.exception(), type(error))
        assert len(scene.deadlines) == calls
        assert (patient.exception() is None) == (calls == 2)

    run(work())


def test_a_crowd_with_one_deadline_does_not_try_again() -> None:
    """Who came moments later has no time for another call either."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        tasks = []
        for number in range(20):
            tasks += await asked(scene, request_for(1.0), within_s=1.0 + number * 0.0002)
        raised = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in raised} == {DeadlineExceeded}
        assert len(scene.deadlines) == 1
        assert scene.now() < 1.01

    run(work())


def test_a_caller_that_leaves_only_leaves() -> None:
    """The others get their answer, even if it was the first who left."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        tasks = await asked(scene, *[request_for(1.0) for _ in range(3)])
        tasks[0].cancel()
        await asyncio.wait(tasks, timeout=1.0)
        scene.go.set()
        for task in tasks[1:]:
            assert values_of((await task)[0]) == {"Y": [2.0]}
        assert tasks[0].cancelled()
        assert scene.ended == [None]

    run(work())


def test_nobody_works_for_those_who_have_gone() -> None:
    """When the last caller has left, the call is cancelled, and a new caller starts another."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        tasks = await asked(scene, *[request_for(1.0) for _ in range(3)])
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        scene.go.set()
        _, source = await scene.ask(request_for(1.0))
        assert source is Source.UPSTREAM
        assert [type(one) for one in scene.ended] == [asyncio.CancelledError, type(None)]

    run(work())


def test_a_call_that_runs_out_of_time_is_not_cancelled() -> None:
    """It ends by its own deadline: its breaker must hear of a time-out, not of a client gone."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        with pytest.raises(DeadlineExceeded):
            await scene.ask(request_for(1.0), within_s=1.0)
        await asyncio.sleep(0.1)
        assert [type(one) for one in scene.ended] == [TimeoutError]
        assert len(scene.reuse._flights) == 0

    run(work())


def test_a_call_that_is_cancelled_from_outside_hangs_nobody() -> None:
    """Whoever waited starts another, and gives up after a few."""

    async def work() -> None:
        scene = Scene()
        calls = 0

        async def cancelled(_: float) -> Answer:
            nonlocal calls
            calls += 1
            raise asyncio.CancelledError

        ask = scene.reuse.answer(
            VIEW, request_for(1.0), tenant="t", deadline_s=60.0, execute=cancelled
        )
        with pytest.raises(UpstreamUnavailable):
            await ask
        assert 1 < calls < 10

    run(work())


def test_a_flight_that_never_began_is_followed_by_another() -> None:
    """A task cancelled before its first step tells nobody; nobody joins it."""

    async def work() -> None:
        scene = Scene()
        ask = asyncio.create_task(scene.ask(request_for(1.0), within_s=1.0))
        await asyncio.sleep(0)
        (flight,) = scene.reuse._flights._flights.values()
        assert flight.task is not None
        flight.task.cancel()
        with pytest.raises(DeadlineExceeded):
            await ask
        assert (await scene.ask(request_for(1.0)))[1] is Source.UPSTREAM

    run(work())


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 5), st.booleans()), max_size=20), st.data()
)
def test_no_one_waits_past_its_deadline(
    callers: list[tuple[float, float, bool]], data: st.DataObject
) -> None:
    """Whenever callers come and go, and whenever the answer comes, all end in time."""
    answered_at_s = data.draw(st.floats(0, 10))

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        loop = asyncio.get_running_loop()
        loop.call_at(answered_at_s, scene.go.set)

        async def one(within_s: float, comes_at_s: float, leaves: bool) -> None:
            await asyncio.sleep(comes_at_s)
            started_s = loop.time()
            try:
                async with asyncio.timeout(within_s / 2 if leaves else None):
                    answer, _ = await scene.ask(request_for(1.0), within_s=within_s)
                assert values_of(answer) == {"Y": [2.0]}
                assert loop.time() >= answered_at_s - 1e-6
            except TimeoutError:
                assert leaves
            except DeadlineExceeded:
                assert loop.time() < answered_at_s + 1e-6
                assert loop.time() >= started_s + within_s - 0.006
            assert loop.time() <= started_s + within_s + 1e-6

        await asyncio.gather(*(one(*caller) for caller in callers))
        await asyncio.sleep(20.0)
        assert len(scene.reuse._flights) == 0
        assert len(scene.ended) == len(scene.deadlines)

    run(work())
