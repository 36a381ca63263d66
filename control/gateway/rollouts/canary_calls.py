"""One call of a version that is tried out: under its own contract, once, until it is recalled."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from control.core.canary_judge import CanaryEnd
from control.core.outcome import Outcome
from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest, Tensor
from control.gateway.answers import Answers, Given
from control.gateway.caller import Caller
from control.gateway.contract_gate import ContractGate
from control.gateway.rollouts.live_canary import LiveCanary
from control.http.messages import Reply

#: Gives stable's answer; raises why there is none.
Find = Callable[[], Awaitable[Given]]
#: Writes an answer as the client asked for it; raises where it cannot be written so.
Write = Callable[[Given], Awaitable[Reply]]

#: What checking may take more than a moment for.
_SLOW_BYTES: Final = 64 * 1024
#: Calls keep to the deadline themselves, and say what they ran into.
_GRACE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Uncut:
    """A request as it was decoded, and the ``/generate`` document that it came in, if any."""

    request: InferRequest
    document: Buffer | None


def uncut(request: InferRequest, document: Buffer | None) -> Uncut:
    """Keep a request from the cuts that a contract may make in its texts; no data is copied."""
    inputs = [Tensor(one.name, one.datatype, one.shape, one.data) for one in request.inputs]
    kept = InferRequest(
        inputs, request.outputs, request.parameters, request.request_id, request.binary_default
    )
    return Uncut(kept, document)


class CallNotes:
    """How long a call took from its place to its end. Satisfies CallWatch."""

    __slots__ = ("_canary", "took_s")

    def __init__(self, canary: LiveCanary) -> None:
        """Note nothing yet."""
        self._canary = canary
        self.took_s = 0.0

    def ended(self, outcome: Outcome, duration_s: float) -> None:  # noqa: ARG002 - the error says more
        """Note the time."""
        self.took_s = duration_s

    def died(self) -> None:
        """Tell of a death that came to light when the call had been given up."""
        self._canary.ended(CanaryEnd.CRASH, self.took_s)


class CanaryCalls:
    """One per gateway; all calls on its event loop."""

    def __init__(self, answers: Answers, contract: ContractGate) -> None:
        """Hold requests to the canary's ``contract`` and ask ``answers`` for its own."""
        self._answers = answers
        self._contract = contract

    async def call(
        self, canary: LiveCanary, view: VersionView, caller: Caller, uncut: Uncut, notes: CallNotes
    ) -> Given:
        """Give the canary's right answer by the caller's deadline.

        Raises why there is none: a ControlError, TimeoutError, or Recalled.
        """
        job = self._call(view, caller, uncut, notes)
        with canary.under_way.call():
            if caller.seen.body_bytes < _SLOW_BYTES:
                return await job
            async with asyncio.timeout_at(caller.deadline_s + _GRACE_S):
                return await job

    async def _call(
        self, view: VersionView, caller: Caller, uncut: Uncut, notes: CallNotes
    ) -> Given:
        seen, request = caller.seen, uncut.request
        findings = await self._contract.admit(seen, view, request, uncut.document)
        caller.tokens = findings.tokens
        return await self._answers.try_once(caller, view, request, findings, notes)

    def stable_takes_s(self, canary: LiveCanary) -> float:
        """Give the seconds that a call of stable takes now; 0 where that is not known."""
        return 0.0 if canary.stable is None else self._answers.usual_s(canary.stable)
