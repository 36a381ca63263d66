"""Calls under way whose answers many callers share."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from control.core.protection import CachePolicy, Protection
from control.core.tensors import AnswerTensor, InferRequest, Tensor
from control.errors import (
    BadUpstreamAnswer,
    CircuitOpen,
    ControlError,
    DeadlineExceeded,
    ModelFailed,
)
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.reuse import Source
from control.gateway.replies_of_triton import StubDied
from tests.gateway.protection.reuse_scene import VIEW, Scene, asked
from tests.gateway.protection.stand_in_cases import (
    SHARED,
    answer_with,
    floats,
    request_for,
    values_of,
    version_of,
)
from tests.support.virtual_time import run


def test_a_thousand_identical_requests_cost_one_execution() -> None:
    """All get the right answer under their own ids; Triton computes it once."""

    async def work() -> None:
        scene = Scene(version_of(protection=SHARED))
        scene.go.clear()
        requests = [request_for(1.5, 2.5, request_id=f"r{number}") for number in range(1000)]
        tasks = await asked(scene, *requests)
        scene.go.set()
        answers = [answer for answer, _ in await asyncio.gather(*tasks)]
        assert len(scene.deadlines) == 1
        assert {answer.request_id for answer in answers} == {one.request_id for one in requests}
        assert all(values_of(answer) == {"Y": [3.0, 5.0]} for answer in answers)
        sources = [source for _, source in await asyncio.gather(*tasks)]
        assert sources == [Source.UPSTREAM] + [Source.SHARED] * 999
        assert len(scene.reuse._flights) == 0

    run(work())


def test_different_requests_share_nothing() -> None:
    """Each of a mixed crowd gets the answer to its own request."""

    async def work() -> None:
        scene = Scene(version_of(protection=SHARED))
        scene.go.clear()
        tasks = await asked(scene, *(request_for(float(number % 10)) for number in range(100)))
        scene.go.set()
        for number, (answer, _) in enumerate(await asyncio.gather(*tasks)):
            assert values_of(answer) == {"Y": [2.0 * (number % 10)]}
        assert len(scene.deadlines) == 10

    run(work())


def test_no_caller_can_change_what_others_get() -> None:
    """Notes, classes and ids that later stages put into an answer stay with its caller."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        tasks = await asked(scene, *[request_for(2.0, request_id="a") for _ in range(3)])
        scene.go.set()
        given = [(await task)[0] for task in tasks] + [
            (await scene.ask(request_for(2.0, request_id="a")))[0] for _ in range(3)
        ]
        for answer in given:
            assert values_of(answer) == {"Y": [4.0]}
            assert (answer.parameters, answer.request_id) == (None, "a")
            assert answer.as_triton_wrote_it
            answer.parameters = {"note": "mine"}
            answer.request_id = "mine"
            answer.as_triton_wrote_it = False
            answer.tensors[0].shape.append(7)
            answer.tensors[0].data = b"mine"
            answer.tensors.append(AnswerTensor("Z", "FP32", [0], b""))

    run(work())


def test_a_sequence_is_nobody_elses() -> None:
    """Requests that belong to a sequence are neither shared nor kept."""

    async def work() -> None:
        scene = Scene()
        for _ in range(2):
            _, source = await scene.ask(request_for(1.0, sequence_id=7))
            assert source is Source.UPSTREAM
        assert len(scene.deadlines) == 2
        assert scene.count("seawall_cache_entries") == 0

    run(work())


@pytest.mark.parametrize("per_tenant", [False, True])
def test_tenants_share_unless_the_contract_says_no(per_tenant: bool) -> None:
    """Answers and calls are shared between tenants, or kept apart."""

    async def work() -> None:
        protection = Protection(deterministic=True, cache=CachePolicy(10.0, per_tenant=per_tenant))
        view = version_of(protection=protection)
        scene = Scene(view)
        for tenant in ("a", "b", "a"):
            await scene.ask(request_for(1.0), view, tenant=tenant)
        assert len(scene.deadlines) == 1 + per_tenant

    run(work())


@pytest.mark.parametrize(
    "error",
    [
        ModelFailed("it raised"),
        BadUpstreamAnswer("wrong"),
        CircuitOpen("open", retry_after_s=3),
        StubDied("dead", retry_after_s=1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_is_shared_but_not_kept(error: ControlError) -> None:
    """All who waited fail, each with an error of its own; who comes later asks again."""

    async def work() -> None:
        scene = Scene()
        scene.failures = [error]
        scene.go.clear()
        tasks = await asked(scene, *[request_for(1.0) for _ in range(50)])
        scene.go.set()
        raised: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
        assert len(scene.deadlines) == 1
        assert {type(one) for one in raised} == {type(error)}
        assert {one.message for one in raised} == {error.message}
        assert {one.retry_after_s for one in raised} == {error.retry_after_s}
        assert len({id(one) for one in raised}) == 50
        assert error.__traceback__ is None
        assert (await scene.ask(request_for(1.0)))[1] is Source.UPSTREAM

    run(work())


def test_what_nobody_foresaw_is_told_once() -> None:
    """One caller gets the error that can be logged whole, the others learn that it failed."""

    async def work() -> None:
        scene = Scene()
        scene.failures = [ZeroDivisionError("ours")]
        scene.go.clear()
        tasks = await asked(scene, *[request_for(1.0) for _ in range(5)])
        scene.go.set()
        raised = await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(type(one).__name__ for one in raised) == [
            *["ControlError"] * 4,
            "ZeroDivisionError",
        ]

    run(work())


def test_large_requests_are_hashed_beside_the_event_loop() -> None:
    """They are shared and kept like small ones."""

    async def work() -> None:
        scene = Scene()
        large = InferRequest([Tensor("X", "UINT8", [1, 512 * 1024], bytes(512 * 1024))])

        async def execute(deadline_s: float) -> Answer:
            scene.deadlines.append(deadline_s)
            return answer_with(7.0)

        for _ in range(2):
            answer, _ = await scene.reuse.answer(
                VIEW, large, tenant="t", deadline_s=scene.now() + 60, execute=execute
            )
            assert values_of(answer) == {"Y": [7.0]}
        assert len(scene.deadlines) == 1
        with pytest.raises(DeadlineExceeded):
            await scene.reuse.answer(
                VIEW, large, tenant="t", deadline_s=scene.now(), execute=execute
            )
        stale = await scene.reuse.stale(VIEW, large, tenant="t", max_stale_s=0.0)
        assert stale is not None

    asyncio.run(work())


@pytest.mark.parametrize("failure", [None, ModelFailed("it raised")])
def test_nothing_is_held_after_the_answer(failure: ControlError | None) -> None:
    """Requests and answers are freed without a garbage collection."""

    class Body(bytearray):
        """Bytes that can be watched."""

    async def work() -> "weakref.ref[Body]":
        scene = Scene(version_of(protection=SHARED))
        if failure:
            scene.failures = [failure]
        scene.go.clear()
        body = Body(floats(1.0))
        request = InferRequest([Tensor("X", "FP32", [1, 1], body)])
        tasks = await asked(scene, request, request)
        scene.go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        return weakref.ref(body)

    gc.disable()
    try:
        assert run(work())() is None
    finally:
        gc.enable()
