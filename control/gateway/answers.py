"""Where an answer comes from: kept, shared, called, called again, or given in its stead."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from control.core.fallback_plan import time_for_primary
from control.core.findings import Findings
from control.core.protection import FallbackKind
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest
from control.errors import ControlError
from control.gateway.caller import Caller
from control.gateway.codec.classification import classified_here, put_classes, without_classes
from control.gateway.codec.triton_form import Answer
from control.gateway.contract_gate import ContractGate, note_truncations
from control.gateway.protection.admission import Ask
from control.gateway.protection.call_watch import CallWatch
from control.gateway.protection.fallbacks import Fallbacks, Fallen, Unanswered
from control.gateway.protection.guards import Guards
from control.gateway.protection.protected_calls import ProtectedCalls
from control.gateway.protection.reuse import Source

#: A header's name and value.
_Header = tuple[bytes, bytes]

_FROM_TRITON: Final[tuple[_Header, ...]] = ()
_HIT: Final = (b"seawall-cache", b"hit")
_REUSED: Final[dict[Source, tuple[_Header, ...]]] = {
    Source.UPSTREAM: _FROM_TRITON,
    Source.CACHE: (_HIT,),
    Source.SHARED: ((b"seawall-cache", b"shared"),),
}


@dataclass(slots=True)
class Given:
    """An answer, and the headers that say where it came from if not from a call of its own.

    ``stands_in``: the version that was asked gave none; a fallback did.
    """

    answer: Answer
    headers: tuple[_Header, ...] = field(default=_FROM_TRITON)
    stands_in: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether it is from the cache: nobody knows what the version would answer now."""
        return _HIT in self.headers


class Answers:
    """Finds an answer to each request. One per gateway; all calls on its event loop."""

    def __init__(
        self,
        guards: Guards,
        calls: ProtectedCalls,
        fallbacks: Fallbacks,
        contract: ContractGate,
    ) -> None:
        """Reuse answers, or make ``calls`` in some attempts, or take the ``fallbacks``."""
        self._guards = guards
        self._calls = calls
        self._fallbacks = fallbacks
        self._contract = contract

    async def find(
        self, caller: Caller, view: VersionView, request: InferRequest, findings: Findings
    ) -> Given:
        """Give a right answer by the caller's deadline; raises why there is none.

        ``findings`` are the contract's on this request. A copy of a request gets an answer of its
        own, neither kept nor shared: it asks what the version would answer now.
        """
        classified = classified_here(view.contract, request) if request.outputs else {}
        given = await self._find(caller, view, without_classes(request, classified))
        if classified or findings.truncations:
            await _finish(given.answer, view, classified, findings)
        return given

    async def try_once(
        self,
        caller: Caller,
        view: VersionView,
        request: InferRequest,
        findings: Findings,
        watch: CallWatch,
    ) -> Given:
        """Give the version's own answer to one call; raises why there is none, as early as may be.

        Nothing is kept, shared, tried again or given in its stead.
        """
        classified = classified_here(view.contract, request) if request.outputs else {}
        asked = without_classes(request, classified)
        given = Given(await self._calls.try_once(caller, view, asked, watch))
        if classified or findings.truncations:
            await _finish(given.answer, view, classified, findings)
        return given

    async def _find(self, caller: Caller, view: VersionView, request: InferRequest) -> Given:
        deadline_s = caller.deadline_s
        protection = view.protection
        if protection.fallbacks:
            deadline_s = time_for_primary(deadline_s, time.monotonic(), protection)
        try:
            if not protection.deterministic or caller.seen.is_copy:
                return Given(await self._call(caller, view, request, deadline_s))
            execute = partial(self._call, caller, view, request)
            answer, source = await self._guards.reuse.answer(
                view, request, tenant=caller.tenant, deadline_s=deadline_s, execute=execute
            )
            return Given(answer, _REUSED[source])
        except ControlError as error:
            fallen = await self._fall_back(caller, view, request, error)
            if fallen is None:
                raise
            return Given(fallen.answer, _marks(fallen), stands_in=True)

    def refuse_hopeless(self, caller: Caller, view: VersionView, request: InferRequest) -> None:
        """Refuse a request that would find no place, before anything more is spent on it.

        Raises as admission does. Not where something else than a call of the version might answer.
        """
        admission = self._guards.admissions.of(view)
        if not admission.queued:
            return
        ways = view.protection.fallbacks
        if any(step.kind is not FallbackKind.CACHE for step in ways):
            return
        if not self._guards.reuse.may_have(view, request, tenant=caller.tenant):
            admission.refuse_hopeless(Ask(caller.tenant, caller.priority, caller.deadline_s))

    def usual_s(self, view: VersionView) -> float:
        """Give the seconds that a call of the version takes as a rule now; 0 while unknown."""
        return self._guards.admissions.of(view).usual_s

    def wait_s(self, caller: Caller, view: VersionView) -> float:
        """Predict how long this caller would wait for a call of the version to begin."""
        return self._guards.admissions.of(view).wait_s(caller.tenant, caller.priority)

    async def _call(
        self, caller: Caller, view: VersionView, request: InferRequest, deadline_s: float
    ) -> Answer:
        send = partial(self._calls.send, caller, view, request)
        return await self._guards.attempts.run(
            view, send, deadline_s=deadline_s, safe=not view.contract.stateful
        )

    async def _fall_back(
        self, caller: Caller, view: VersionView, request: InferRequest, cause: ControlError
    ) -> Fallen | None:
        if not view.protection.fallbacks:
            return None
        lost = Unanswered(view, request, caller.tenant, caller.deadline_s, cause)

        async def accept(answer: Answer) -> None:
            await self._contract.accept(caller.seen, view, answer, request)

        return await self._fallbacks.answer(lost, partial(self._call_other, caller), accept)

    async def _call_other(
        self, caller: Caller, view: VersionView, request: InferRequest, deadline_s: float
    ) -> Answer:
        """Call a stand-in, whose own contract holds too."""
        await self._contract.admit(caller.seen, view, request, None)
        return await self._call(caller, view, request, deadline_s)


async def _finish(
    answer: Answer, view: VersionView, classified: dict[str, int], findings: Findings
) -> None:
    """Add what Triton is not asked for: the classes of outputs, and a note of what was cut."""
    if classified:
        await asyncio.to_thread(put_classes, view.contract, answer, classified)
    if findings.truncations:
        note_truncations(answer, findings.truncations)


def _marks(fallen: Fallen) -> tuple[_Header, ...]:
    marks = ((b"seawall-degraded", b"true"), (b"seawall-fallback", fallen.kind.value.encode()))
    by = ((b"seawall-fallback-by", fallen.by.encode()),) if fallen.by else ()
    return marks + by
