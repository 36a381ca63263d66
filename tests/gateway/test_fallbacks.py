"""What stands in for a version that gives no answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from control import errors
from control.core.contract import check_answer
from control.core.protection import Fallback, FallbackKind, StaticOutput
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest, RequestedOutput
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
from control.gateway.fallbacks import Fallbacks, Fallen, Unanswered, may_fall_back
from control.gateway.replies_of_triton import ModelUnavailable, StubDied, TritonFull
from control.gateway.reuse import Reuse
from control.gateway.snapshots import SnapshotHolder
from control.observability.metrics import GatewayMetrics
from tests.gateway.stand_in_cases import (
    answer_with,
    contract,
    falling,
    floats,
    request_for,
    snapshot_of,
    values_of,
    version_of,
)
from tests.support.virtual_time import run

CACHE = Fallback(FallbackKind.CACHE, max_stale_s=5.0)
OLDER = Fallback(FallbackKind.VERSION)
OTHER = Fallback(FallbackKind.MODEL, "other")
ZERO = StaticOutput("Y", "FP32", (1,), floats(0.0))
STATIC = Fallback(FallbackKind.STATIC, answer=(ZERO,))
ALL = [
    *(BadUpstreamAnswer, CircuitOpen, DeadlineExceeded, ModelFailed, Overloaded),
    *(UpstreamUnavailable, StubDied, ModelUnavailable, TritonFull),
]
EVERY_ERROR: set[type[ControlError]] = {
    one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ControlError)
} | set(ALL)

Behave = Callable[[InferRequest, float], Awaitable[Answer]]


async def doubled(request: InferRequest, _: float) -> Answer:
    """A model at work: it gives what it is asked for, or Y."""
    names = " ".join(output.name for output in request.outputs) or "Y"
    values = memoryview(request.inputs[0].data).cast("B").cast("f").tolist()
    return answer_with(*(2 * one for one in values), names=names, model="whoever")


async def hanging(_: InferRequest, __: float) -> Answer:
    """A model that never answers, and a gateway that does not notice."""
    await asyncio.Event().wait()
    raise AssertionError


async def failing(_: InferRequest, __: float) -> Answer:
    """A model that fails, or whose breaker is open."""
    raise CircuitOpen("open too")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a stand-in."""

    by: str
    request: InferRequest
    deadline_s: float


class Scene:
    """The fallbacks of a version ``m``/2, among others."""

    def __init__(
        self, *steps: Fallback, others: tuple[VersionView, ...] = (), **kwargs: Any
    ) -> None:
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry)
        self.loop = asyncio.get_running_loop()
        self.snapshots = SnapshotHolder()
        self.reuse = Reuse(1024 * 1024, metrics, self.loop.time)
        self.view = version_of(version=2, protection=falling(*steps, deterministic=True), **kwargs)
        self.fallbacks = Fallbacks(self.snapshots, self.reuse, metrics, self.loop.time)
        self.asked: list[Asked] = []
        self.behave: dict[str, Behave] = {}
        snapshot = snapshot_of(self.view, *others)
        self.snapshots.accept(snapshot)
        self.reuse.learn(snapshot)

    async def fall(
        self,
        request: InferRequest,
        cause: ControlError | None = None,
        *,
        within_s: float = 10.0,
    ) -> Fallen | None:
        """Ask for what stands in."""

        async def call(view: VersionView, asked: InferRequest, deadline_s: float) -> Answer:
            by = f"{view.model}/{view.version}"
            self.asked.append(Asked(by, asked, deadline_s))
            return await self.behave.get(by, doubled)(asked, deadline_s)

        async def accept(answer: Answer) -> None:
            breaches = check_answer(self.view.contract, answer.tensors, request)
            if breaches:
                raise BadUpstreamAnswer("wrong", violations=breaches)

        lost = Unanswered(
            self.view,
            request,
            "t",
            self.loop.time() + within_s,
            cause or CircuitOpen("open", retry_after_s=1),
        )
        return await self.fallbacks.answer(lost, call, accept)

    async def keep(self, request: InferRequest) -> None:
        """Have an answer to this request in the cache."""

        async def execute(deadline_s: float) -> Answer:
            return await doubled(request, deadline_s)

        await self.reuse.answer(
            self.view, request, tenant="t", deadline_s=self.loop.time() + 1, execute=execute
        )

    def count(self, kind: str, result: str) -> float:
        """Steps that were taken."""
        labels = {"model": "m", "version": "2", "kind": kind, "result": result}
        return self.registry.get_sample_value("seawall_fallbacks_total", labels) or 0.0


def given_by(fallen: Fallen | None) -> tuple[Any, ...]:
    """What came, how, and by whom."""
    assert fallen is not None
    return values_of(fallen.answer), fallen.kind.value, fallen.by


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


def test_names_are_mapped_both_ways() -> None:
    """The other model gets its inputs by its names, and we get our outputs by ours."""

    async def work() -> None:
        step = replace(OTHER, inputs={"TEXT": "X"}, outputs={"Y": "LABEL", "Z": "SCORE"})
        other = version_of("other", contract=contract("TEXT", "LABEL SCORE"))
        ours = contract("X W", "Y Z")
        scene = Scene(step, others=(other,), contract=ours)
        left = request_for(9.0, 9.0, name="W").inputs
        request = request_for(1.0, 2.0, request_id="r", top_k=3)
        fallen = await scene.fall(replace(request, inputs=[*left, *request.inputs]))
        assert given_by(fallen)[0] == {"Y": [2.0, 4.0], "Z": [2.0, 4.0]}
        assert fallen is not None
        assert (fallen.answer.model, fallen.answer.version) == ("m", "2")
        assert (fallen.answer.request_id, fallen.answer.as_triton_wrote_it) == ("r", False)
        (asked,) = scene.asked
        assert [one.name for one in asked.request.inputs] == ["TEXT"]
        assert [one.name for one in asked.request.outputs] == ["LABEL", "SCORE"]
        assert asked.request.parameters == {"top_k": 3}

    run(work())


def test_one_output_of_theirs_can_be_two_of_ours() -> None:
    """It is asked for once."""

    async def work() -> None:
        step = replace(OTHER, outputs={"Y": "Y", "Z": "Y"})
        scene = Scene(step, others=(version_of("other"),), contract=contract("X", "Y Z"))
        fallen = await scene.fall(request_for(1.0))
        assert given_by(fallen)[0] == {"Y": [2.0], "Z": [2.0]}
        assert [one.name for one in scene.asked[0].request.outputs] == ["Y"]

    run(work())


@pytest.mark.parametrize("step", [CACHE, OTHER, STATIC], ids=lambda step: step.kind.value)
def test_only_what_was_asked_for_is_given(step: Fallback) -> None:
    """Outputs that the client did not name stay away."""

    async def work() -> None:
        static = (ZERO, replace(ZERO, name="Z"))
        both = contract("X", "Y Z")
        scene = Scene(
            replace(step, answer=static) if step is STATIC else step,
            others=(version_of("other", contract=both),),
            contract=both,
        )
        request = request_for(1.0, outputs="Z")
        await scene.keep(request)
        assert set(given_by(await scene.fall(request))[0]) == {"Z"}

    run(work())


def test_what_a_stand_in_gives_beyond_that_stays_away() -> None:
    """Also where its names are ours."""

    async def work() -> None:
        async def generous(_: InferRequest, __: float) -> Answer:
            return answer_with(1.0, names="Y Z")

        both = contract("X", "Y Z")
        scene = Scene(OTHER, others=(version_of("other", contract=both),), contract=both)
        scene.behave["other/1"] = generous
        fallen = await scene.fall(request_for(1.0, outputs="Z"))
        assert set(given_by(fallen)[0]) == {"Z"}

    run(work())


@pytest.mark.parametrize(
    ("other", "request_"),
    [
        (contract("TEXT"), request_for(1.0)),
        (contract("X W"), request_for(1.0)),
        (contract(batch=2), request_for(1.0, 2.0, 3.0)),
        (contract(outputs="LABEL"), request_for(1.0)),
    ],
    ids=["its input has another name", "it needs more", "it takes less", "it gives another output"],
)
def test_who_cannot_take_the_request_is_not_asked(other: Any, request_: InferRequest) -> None:
    """The stand-in's own contract is held before the call."""

    async def work() -> None:
        scene = Scene(OTHER, STATIC, others=(version_of("other", contract=other),))
        assert given_by(await scene.fall(request_))[1] == "static"
        assert scene.asked == []

    run(work())


def test_an_answer_that_breaks_our_contract_is_no_answer() -> None:
    """The next step has its turn."""

    async def work() -> None:
        async def wrong(_: InferRequest, __: float) -> Answer:
            return answer_with(1.0, 2.0, 3.0)

        scene = Scene(OTHER, STATIC, others=(version_of("other"),))
        scene.behave["other/1"] = wrong
        assert given_by(await scene.fall(request_for(1.0)))[1] == "static"
        assert scene.count("model", "failed") == 1

    run(work())


def test_a_static_answer_has_a_row_for_each_of_the_request() -> None:
    """Without batches it is given as it is."""

    async def work() -> None:
        row = StaticOutput("Y", "FP32", (2,), floats(1.0, 2.0))
        step = Fallback(FallbackKind.STATIC, answer=(row,))
        for batch, shape in ((8, [3, 2]), (0, [2])):
            scene = Scene(step, contract=contract(batch=batch))
            fallen = await scene.fall(request_for(7.0, 8.0, 9.0))
            assert fallen is not None
            (tensor,) = fallen.answer.tensors
            assert tensor.shape == shape
            assert values_of(fallen.answer) == {"Y": [1.0, 2.0] * (3 if batch else 1)}

    run(work())


@pytest.mark.parametrize("labelled", [False, True])
def test_classes_come_only_from_who_has_labels(labelled: bool) -> None:
    """Labels that Triton has for one version say nothing of another's values."""

    async def work() -> None:
        older = version_of(version=1, contract=contract(labelled=labelled))
        scene = Scene(OLDER, STATIC, others=(older,), contract=contract(labelled=True))
        request = replace(request_for(1.0), outputs=[RequestedOutput("Y", classification=1)])
        fallen = await scene.fall(request)
        assert (fallen is not None) == labelled
        classes = [one.request.outputs[0].classification for one in scene.asked]
        assert classes == ([1] if labelled else [])

    run(work())


def test_one_output_is_not_asked_for_as_values_and_as_classes() -> None:
    """Triton gives an output in one form."""

    async def work() -> None:
        step = replace(OTHER, outputs={"Y": "Y", "Z": "Y"})
        labelled = contract("X", "Y Z", labelled=True)
        other = version_of("other", contract=labelled)
        scene = Scene(step, others=(other,), contract=labelled)
        outputs = [RequestedOutput("Y", classification=1), RequestedOutput("Z")]
        assert await scene.fall(replace(request_for(1.0), outputs=outputs)) is None
        assert scene.asked == []

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
