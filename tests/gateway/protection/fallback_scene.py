"""A version with fallbacks, and stand-ins that behave as they are told."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from control.core.contract import check_answer
from control.core.protection import Fallback, FallbackKind, StaticOutput
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest
from control.errors import BadUpstreamAnswer, CircuitOpen, ControlError
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.fallbacks import Fallbacks, Fallen, Unanswered
from control.gateway.protection.reuse import Reuse
from control.gateway.snapshots import SnapshotHolder
from control.observability.metrics import GatewayMetrics
from tests.gateway.protection.stand_in_cases import (
    answer_with,
    falling,
    floats,
    snapshot_of,
    values_of,
    version_of,
)

CACHE = Fallback(FallbackKind.CACHE, max_stale_s=5.0)
OLDER = Fallback(FallbackKind.VERSION)
OTHER = Fallback(FallbackKind.MODEL, "other")
ZERO = StaticOutput("Y", "FP32", (1,), floats(0.0))
STATIC = Fallback(FallbackKind.STATIC, answer=(ZERO,))
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
