"""Stands in for a version that gives no answer: the steps of its contract, one after the other.

Each result is held against the contract of the version that was asked. The steps that call Triton
go through the breaker and the limit of whom they call.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from control.core.fallback_plan import (
    Blame,
    asked_of,
    choose_stand_in,
    put_back,
    static_tensors,
    time_for_try,
)
from control.core.protection import Fallback, FallbackKind
from control.core.snapshot import VersionView
from control.core.tensors import AnswerTensor, Buffer, InferRequest
from control.errors import (
    BadUpstreamAnswer,
    CircuitOpen,
    ControlError,
    DeadlineExceeded,
    ModelFailed,
    Overloaded,
    UpstreamUnavailable,
    release_frames,
)
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.reuse import Reuse
from control.gateway.replies_of_triton import StubDied, TritonDied
from control.gateway.snapshots import SnapshotHolder
from control.observability.metrics import GatewayMetrics

#: Calls a version by a deadline, through its breaker and its limit.
Call = Callable[[VersionView, InferRequest, float], Awaitable[Answer]]
#: Lets an answer pass that keeps our contract; raises BadUpstreamAnswer.
Accept = Callable[[Answer], Awaitable[None]]

#: The version's own failures. A client's faults and a used-up quota would only be hidden.
_ITS_OWN: Final = (
    BadUpstreamAnswer,
    CircuitOpen,
    DeadlineExceeded,
    ModelFailed,
    Overloaded,
    UpstreamUnavailable,
)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request to ``view`` that failed with ``cause``; ``deadline_s`` is absolute."""

    view: VersionView
    request: InferRequest
    tenant: str
    deadline_s: float
    cause: ControlError


@dataclass(frozen=True, slots=True)
class Fallen:
    """An answer in another's stead: what kind, and by which ``model/version``, if by any."""

    answer: Answer
    kind: FallbackKind
    by: str = ""


def may_fall_back(cause: ControlError) -> bool:
    """Whether a failure is the version's own, so that another may answer."""
    return isinstance(cause, _ITS_OWN)


class Fallbacks:
    """Takes the steps of a contract. Belongs to the event loop."""

    def __init__(
        self,
        snapshots: SnapshotHolder,
        reuse: Reuse,
        metrics: GatewayMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose versions from ``snapshots`` and stale answers from ``reuse``."""
        self._snapshots = snapshots
        self._reuse = reuse
        self._metrics = metrics
        self._clock = clock

    async def answer(self, lost: Unanswered, call: Call, accept: Accept) -> Fallen | None:
        """Give the first answer that a step yields and ``accept`` lets pass, or None.

        It comes by the deadline. At the deadline itself, only what needs no waiting comes.
        """
        steps = lost.view.protection.fallbacks
        if not steps or not may_fall_back(lost.cause):
            return None
        for number, step in enumerate(steps, 1):
            fallen = await self._try(step, lost, steps[number:], call, accept)
            self._count(lost.view, step, "failed" if fallen is None else "answered")
            if fallen is not None:
                return fallen
        return None

    async def _try(
        self,
        step: Fallback,
        lost: Unanswered,
        rest: Sequence[Fallback],
        call: Call,
        accept: Accept,
    ) -> Fallen | None:
        try:
            # One that is past ends nothing that does not wait.
            async with asyncio.timeout_at(lost.deadline_s):
                fallen = await self._take(step, lost, rest, call)
                if fallen is not None:
                    await accept(fallen.answer)
                return fallen
        except (ControlError, TimeoutError) as error:
            release_frames(error)
            return None

    async def _take(
        self, step: Fallback, lost: Unanswered, rest: Sequence[Fallback], call: Call
    ) -> Fallen | None:
        match step.kind:
            case FallbackKind.CACHE:
                answer = await self._reuse.stale(
                    lost.view, lost.request, tenant=lost.tenant, max_stale_s=step.max_stale_s
                )
                return None if answer is None else Fallen(answer, step.kind)
            case FallbackKind.STATIC:
                tensors = static_tensors(step.answer, lost.request, lost.view)
                if tensors is None:
                    return None
                binary = b"".join([one.data for one in tensors])
                return Fallen(_ours(lost, tensors, binary), step.kind)
            case FallbackKind.VERSION | FallbackKind.MODEL:
                return await self._ask_another(step, lost, rest, call)

    async def _ask_another(
        self, step: Fallback, lost: Unanswered, rest: Sequence[Fallback], call: Call
    ) -> Fallen | None:
        if isinstance(lost.cause, TritonDied):
            return None  # whoever kills the server kills it under every model
        blame = Blame.SUSPECT if isinstance(lost.cause, StubDied) else Blame.INNOCENT
        target = choose_stand_in(self._snapshots.current.models, step, lost.view, blame)
        now_s = self._clock()
        if target is None or now_s >= lost.deadline_s:
            return None
        asked = asked_of(step, lost.request, target, lost.view)
        if asked is None:
            return None
        answer = await call(target, asked, time_for_try(lost.deadline_s, now_s, rest))
        ours = _ours(lost, put_back(step, lost.request, answer.tensors), answer.binary)
        ours.parameters = answer.parameters
        return Fallen(ours, step.kind, f"{target.model}/{target.version}")

    def _count(self, view: VersionView, step: Fallback, result: str) -> None:
        labels = (view.model, str(view.version), step.kind.value, result)
        self._metrics.fallbacks.labels(*labels).inc()


def _ours(lost: Unanswered, tensors: list[AnswerTensor], binary: Buffer) -> Answer:
    """Give an answer in the name of the version that was asked."""
    view = lost.view
    return Answer(
        model=view.model,
        version=str(view.version),
        request_id=lost.request.request_id,
        parameters=None,
        tensors=tensors,
        json=b"",
        binary=binary,
        as_triton_wrote_it=False,
    )
