"""Answers that Triton need not give again."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from control.core.elements import as_array
from control.core.protection import CachePolicy, Fallback, FallbackKind, Override, Protection
from control.core.snapshot import VersionView
from control.core.tensors import AnswerTensor, InferRequest, Tensor
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
from control.gateway.replies_of_triton import StubDied, TritonFull
from control.gateway.reuse import Reuse, Source
from control.observability.metrics import GatewayMetrics
from tests.gateway.stand_in_cases import (
    CACHED,
    SHARED,
    answer_with,
    falling,
    floats,
    request_for,
    snapshot_of,
    values_of,
    version_of,
)
from tests.support.virtual_time import run

MIB = 1024 * 1024
VIEW = version_of()
STALE = falling(Fallback(FallbackKind.CACHE, max_stale_s=5.0), deterministic=True)


class Scene:
    """A reuse with a model behind it that doubles numbers, when it is told to."""

    def __init__(self, *views: VersionView, cache_bytes: int = MIB) -> None:
        self.registry = CollectorRegistry()
        self.metrics = GatewayMetrics(self.registry)
        loop = asyncio.get_running_loop()
        self.reuse = Reuse(cache_bytes, self.metrics, loop.time)
        self.now = loop.time
        self.reuse.learn(snapshot_of(*(views or (VIEW,))))
        self.deadlines: list[float] = []
        self.ended: list[BaseException | None] = []
        self.go = asyncio.Event()
        self.go.set()
        self.failures: list[Exception] = []

    def execute(self, request: InferRequest) -> Callable[[float], Awaitable[Answer]]:
        """A call that ends by its deadline, as the gateway's do."""

        async def call(deadline_s: float) -> Answer:
            self.deadlines.append(deadline_s)
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self.go.wait()
            except TimeoutError as error:
                self.ended.append(error)
                raise DeadlineExceeded("Triton was too slow") from error
            except asyncio.CancelledError as error:
                self.ended.append(error)
                raise
            self.ended.append(None)
            if self.failures:
                raise self.failures.pop(0)
            doubled = as_array(request.inputs[0].data, "FP32") * 2
            return answer_with(*doubled, request_id=request.request_id)

        return call

    async def ask(
        self,
        request: InferRequest,
        view: VersionView = VIEW,
        *,
        within_s: float = 60.0,
        tenant: str = "t",
    ) -> tuple[Answer, Source]:
        """Ask for an answer."""
        return await self.reuse.answer(
            view,
            request,
            tenant=tenant,
            deadline_s=self.now() + within_s,
            execute=self.execute(request),
        )

    def count(self, name: str, **labels: str) -> float:
        """A metric's value, brought up to date."""
        self.reuse.write_down()
        return self.registry.get_sample_value(name, labels) or 0.0


async def asked(scene: Scene, *requests: InferRequest, **kwargs: Any) -> "list[asyncio.Task[Any]]":
    """Tasks that all wait for an answer."""
    tasks = [asyncio.create_task(scene.ask(one, **kwargs)) for one in requests]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


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


def test_a_kept_answer_is_given_until_its_time_is_over() -> None:
    """Fresh ones cost no call; then the version is asked again."""

    async def work() -> None:
        scene = Scene()
        sources = []
        for pause_s in (0.0, 9.9, 0.2):
            await asyncio.sleep(pause_s)
            answer, source = await scene.ask(request_for(2.0, request_id="x"))
            assert values_of(answer) == {"Y": [4.0]}
            sources.append(source)
        assert sources == [Source.UPSTREAM, Source.CACHE, Source.UPSTREAM]

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


def test_a_kept_answer_is_a_copy_that_nobody_can_write_to() -> None:
    """It keeps its own bytes, not the buffer that Triton's answer was read into."""

    async def work() -> None:
        scene = Scene()
        first, _ = await scene.ask(request_for(2.0, request_id="a"))
        buffer = first.binary
        assert isinstance(buffer, memoryview)
        buffer[:] = floats(666.0)
        kept, _ = await scene.ask(request_for(2.0, request_id="b"))
        assert values_of(kept) == {"Y": [4.0]}
        assert memoryview(kept.tensors[0].data).readonly
        assert not kept.as_triton_wrote_it, "the header that Triton wrote has another's id"

    run(work())


def test_what_is_not_cached_by_contract_is_called_each_time() -> None:
    """Without a cache in the contract, or bytes for one, only calls under way are shared."""

    async def work() -> None:
        for cache_bytes, protection in ((MIB, SHARED), (0, CACHED)):
            scene = Scene(version_of(protection=protection), cache_bytes=cache_bytes)
            view = version_of(protection=protection)
            for _ in range(3):
                assert (await scene.ask(request_for(1.0), view))[1] is Source.UPSTREAM
            assert scene.count("seawall_cache_entries") == 0

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


def test_a_stale_answer_is_there_when_it_is_needed() -> None:
    """Past its time it answers no request, but stands in within the rule of the fallback."""

    async def work() -> None:
        view = version_of(protection=STALE)
        scene = Scene(view)
        request = request_for(2.0, request_id="a")
        await scene.ask(request, view)
        await asyncio.sleep(12.0)
        mine = replace(request, request_id="b")
        answer = await scene.reuse.stale(view, mine, tenant="t", max_stale_s=5.0)
        assert answer is not None
        assert (values_of(answer), answer.request_id) == ({"Y": [4.0]}, "b")
        for other, max_stale_s in ((request_for(3.0), 5.0), (request, 1.0)):
            assert await scene.reuse.stale(view, other, tenant="t", max_stale_s=max_stale_s) is None
        await asyncio.sleep(3.0)
        assert await scene.reuse.stale(view, request, tenant="t", max_stale_s=5.0) is None

    run(work())


@pytest.mark.parametrize("protection", [SHARED, Protection(), falling()])
def test_without_a_cache_nothing_is_stale(protection: Protection) -> None:
    """A model that is not declared deterministic, or not cached, has no old answers."""

    async def work() -> None:
        view = version_of(protection=protection)
        scene = Scene(view)
        assert await scene.reuse.stale(view, request_for(1.0), tenant="t", max_stale_s=9.0) is None

    run(work())


@pytest.mark.parametrize(
    "change",
    [
        {"order": Override(cache_epoch=1)},
        {"config_json": b'{"other": 1}'},
        {"contract_json": b'{"other": 1}'},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_build_or_a_purge_begins_anew(change: dict[str, Any]) -> None:
    """Answers of before are dropped, also those that are still under way; counts go on."""

    async def work() -> None:
        scene = Scene()
        await scene.ask(request_for(1.0))
        scene.go.clear()
        (under_way,) = await asked(scene, request_for(2.0))
        renewed = replace(VIEW, **change)
        scene.reuse.learn(snapshot_of(renewed))
        assert scene.count("seawall_cache_bytes") == 0
        scene.go.set()
        await under_way
        assert scene.count("seawall_cache_entries") == 0
        assert (await scene.ask(request_for(1.0), renewed))[1] is Source.UPSTREAM
        (status,) = scene.reuse.statuses()
        assert (status.entries, status.misses) == (1, 3)

    run(work())


def test_answers_outlive_a_snapshot_that_changes_nothing() -> None:
    """Health comes and goes; a version's answers stay, and those under way are kept."""

    async def work() -> None:
        scene = Scene()
        await scene.ask(request_for(1.0))
        scene.go.clear()
        (under_way,) = await asked(scene, request_for(2.0))
        renewed = replace(VIEW, ready=False)
        scene.reuse.learn(snapshot_of(renewed))
        scene.go.set()
        await under_way
        for value in (1.0, 2.0):
            assert (await scene.ask(request_for(value), renewed))[1] is Source.CACHE

    run(work())


def test_a_version_that_is_gone_leaves_nothing() -> None:
    """Others keep theirs."""

    async def work() -> None:
        views = [version_of(version=number) for number in (1, 2)]
        scene = Scene(*views)
        for view in views:
            await scene.ask(request_for(1.0), view)
        scene.reuse.learn(snapshot_of(views[1]))
        assert [one.version for one in scene.reuse.statuses()] == [2]
        assert scene.count("seawall_cache_entries") == 1
        assert (
            scene.count("seawall_cache_requests_total", model="m", version="1", result="miss") == 1
        )

    run(work())


def test_it_says_how_requests_were_answered() -> None:
    """Hits, misses and shared calls are counted, with what is kept."""

    async def work() -> None:
        scene = Scene()
        scene.go.clear()
        tasks = await asked(scene, *[request_for(1.0) for _ in range(3)])
        scene.go.set()
        await asyncio.gather(*tasks)
        await scene.ask(request_for(1.0))
        (status,) = scene.reuse.statuses()
        assert (status.hits, status.misses, status.shared, status.entries) == (1, 1, 2, 1)
        assert status.size_bytes == scene.count("seawall_cache_bytes") > 4
        for _ in range(2):
            counts = {
                result: scene.count(
                    "seawall_cache_requests_total", model="m", version="1", result=result
                )
                for result in ("hit", "miss", "shared")
            }
            assert counts == {"hit": 1, "miss": 1, "shared": 2}

    run(work())


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
