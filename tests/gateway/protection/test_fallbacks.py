"""Which steps stand in for a version that gives no answer, and until when."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control import errors
from control.core.contract import check_answer
from control.core.protection import Fallback, FallbackKind
from control.core.tensors import InferRequest
from control.errors import (
    BadUpstreamAnswer,
    CircuitOpen,
    ControlError,
    DeadlineExceeded,
    ModelFailed,
    Overloaded,
    UpstreamUnavailable,
)
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.fallbacks import may_fall_back
from control.gateway.replies_of_triton import ModelUnavailable, StubDied, TritonFull
from tests.gateway.protection.fallback_scene import (
    CACHE,
    OLDER,
    OTHER,
    STATIC,
    Behave,
    Scene,
    doubled,
    failing,
    given_by,
    hanging,
)
from tests.gateway.protection.stand_in_cases import request_for, version_of
from tests.support.virtual_time import run

ALL = [
    *(BadUpstreamAnswer, CircuitOpen, DeadlineExceeded, ModelFailed, Overloaded),
    *(UpstreamUnavailable, StubDied, ModelUnavailable, TritonFull),
]
EVERY_ERROR: set[type[ControlError]] = {
    one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ControlError)
} | set(ALL)


@pytest.mark.parametrize("error", sorted(EVERY_ERROR, key=str))
def test_only_a_versions_own_failures_lead_to_a_fallback(error: type[ControlError]) -> None:
    """A client's fault, a used-up quota and a request that is too large stay what they are."""
    assert may_fall_back(error("no")) == (error in ALL)

    async def work() -> None:
        fallen = await Scene(STATIC).fall(request_for(1.0), error("no"))
        assert (fallen is not None) == (error in ALL)

    run(work())


def test_steps_are_taken_in_order_until_one_answers() -> None:
    """What comes after an answer is not tried; every step that was is counted."""

    async def work() -> None:
        others = (version_of(version=1), version_of("other"))
        scene = Scene(CACHE, OLDER, OTHER, STATIC, others=others)
        scene.behave["m/1"] = failing
        assert given_by(await scene.fall(request_for(3.0))) == ({"Y": [6.0]}, "model", "other/1")
        assert [one.by for one in scene.asked] == ["m/1", "other/1"]
        counts = [scene.count(kind, "failed") for kind in ("cache", "version", "model", "static")]
        assert counts == [1, 1, 0, 0]
        assert (scene.count("model", "answered"), scene.count("static", "answered")) == (1, 0)

    run(work())


def test_without_a_step_that_answers_there_is_nothing() -> None:
    """The cause is the caller's answer then."""

    async def work() -> None:
        scene = Scene(CACHE, OLDER)
        assert await scene.fall(request_for(1.0)) is None
        assert await Scene().fall(request_for(1.0)) is None

    run(work())


def test_a_kept_answer_stands_in() -> None:
    """Also when its time is over, within the rule, and with no time left at all."""

    async def work() -> None:
        scene = Scene(CACHE)
        request = request_for(3.0)
        await scene.keep(request)
        await asyncio.sleep(12.0)
        fallen = await scene.fall(request, DeadlineExceeded("late"), within_s=0.0)
        assert given_by(fallen) == ({"Y": [6.0]}, "cache", "")
        assert await scene.fall(request_for(4.0)) is None

    run(work())


@pytest.mark.parametrize(
    ("step", "by"),
    [
        (OLDER, "m/3"),
        (Fallback(FallbackKind.VERSION, version=1), "m/1"),
        (Fallback(FallbackKind.VERSION, version=2), None),
        (Fallback(FallbackKind.VERSION, version=4), None),
        (Fallback(FallbackKind.VERSION, version=9), None),
        (Fallback(FallbackKind.MODEL, "other"), "other/2"),
        (Fallback(FallbackKind.MODEL, "other", 2), "other/2"),
        (Fallback(FallbackKind.MODEL, "nobody"), None),
    ],
)
def test_the_newest_ready_one_stands_in(step: Fallback, by: str | None) -> None:
    """Never the version that failed, nor one that is not ready, nor one that does not exist."""

    async def work() -> None:
        ready = [version_of(version=1), version_of(version=3), version_of("other", 2)]
        not_ready = [version_of(version=4, ready=False), version_of("other", 7, ready=False)]
        scene = Scene(step, others=(*ready, *not_ready))
        fallen = await scene.fall(request_for(1.0))
        assert (fallen.by if fallen else None) == by
        assert [one.by for one in scene.asked] == ([by] if by else [])

    run(work())


def test_a_suspect_goes_to_no_other_version_of_its_model() -> None:
    """The same code may die of it again; another model, the cache and a constant may answer."""

    async def work() -> None:
        others = (version_of(version=1), version_of("other"))
        itself = Fallback(FallbackKind.MODEL, "m", 1)
        scene = Scene(OLDER, itself, OTHER, others=others)
        fallen = await scene.fall(request_for(1.0), StubDied("dead"))
        assert given_by(fallen)[1:] == ("model", "other/1")
        assert [one.by for one in scene.asked] == ["other/1"]
        for step in (CACHE, STATIC):
            scene = Scene(step)
            await scene.keep(request_for(1.0))
            assert await scene.fall(request_for(1.0), StubDied("dead")) is not None

    run(work())


def test_a_step_leaves_time_for_the_next_call() -> None:
    """The first of two calls gets four fifths, the last all that is left."""

    async def work() -> None:
        async def slow(_: InferRequest, deadline_s: float) -> Answer:
            await asyncio.sleep(deadline_s - asyncio.get_running_loop().time())
            raise DeadlineExceeded("late")

        scene = Scene(OLDER, OTHER, others=(version_of(version=1), version_of("other")))
        scene.behave["m/1"] = slow
        assert given_by(await scene.fall(request_for(1.0), within_s=2.0))[2] == "other/1"
        assert [one.deadline_s for one in scene.asked] == [pytest.approx(1.6), pytest.approx(2.0)]

    run(work())


def test_at_the_deadline_only_what_needs_no_time_answers() -> None:
    """Nobody is asked any more, and what must be waited for does not come."""

    async def work() -> None:
        scene = Scene(OLDER, OTHER, STATIC, others=(version_of(version=1), version_of("other")))
        fallen = await scene.fall(request_for(1.0), DeadlineExceeded("late"), within_s=0.0)
        assert given_by(fallen) == ({"Y": [0.0]}, "static", "")
        assert scene.asked == []

    run(work())


def test_a_mistake_of_ours_is_not_hidden() -> None:
    """What nobody foresaw is raised, and logged by those who see it."""

    async def work() -> None:
        async def broken(_: InferRequest, __: float) -> Answer:
            raise ZeroDivisionError

        scene = Scene(OTHER, STATIC, others=(version_of("other"),))
        scene.behave["other/1"] = broken
        with pytest.raises(ZeroDivisionError):
            await scene.fall(request_for(1.0))

    run(work())


@given(
    st.lists(st.sampled_from([CACHE, OLDER, OTHER, STATIC]), max_size=6),
    st.lists(st.sampled_from([doubled, hanging, failing]), min_size=2, max_size=2),
    st.floats(-1.0, 30.0),
)
def test_a_fallback_never_outlives_the_deadline(
    steps: list[Fallback], behave: list[Behave], within_s: float
) -> None:
    """Whatever the steps and whoever hangs, it is over by then, and what comes is right."""

    async def work() -> None:
        scene = Scene(*steps, others=(version_of(version=1), version_of("other")))
        scene.behave = {"m/1": behave[0], "other/1": behave[1]}
        request = request_for(1.0)
        fallen = await scene.fall(request, within_s=within_s)
        assert asyncio.get_running_loop().time() <= max(within_s, 0.0) + 1e-6
        assert all(one.deadline_s <= within_s for one in scene.asked)
        if STATIC in steps:
            assert fallen is not None
        if fallen is not None:
            assert not check_answer(scene.view.contract, fallen.answer.tensors, request)

    run(work())
