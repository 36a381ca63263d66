"""One call of a version that is tried out: under its own contract, once, until it is recalled."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from control.core.judge_counts import CanaryEnd
from control.core.outcome import Outcome
from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest, Tensor
from control.gateway.answers import Answers, Given
from control.gateway.caller import Caller
from control.gateway.contract_gate import ContractGate
from control.gateway.rollouts.ends import Lost, end_of, is_time_out
from control.gateway.rollouts.live_canary import LiveCanary
from control.gateway.rollouts.under_way import Recalled
from control.http.messages import Reply

#: Gives stable's answer to who asks; raises why there is none.
Find = Callable[[Caller], Awaitable[Given]]
#: Writes an answer as the client asked for it; raises where it cannot be written so.
Write = Callable[[Given], Awaitable[Reply]]

#: Calls keep to the deadline themselves, and say what they ran into.
_GRACE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Uncut:
    """A request as it was decoded, and the ``/generate`` document that it came in, if any."""

    request: InferRequest
    document: Buffer | None

    @property
    def size_bytes(self) -> int:
        """Count the bytes of its tensors."""
        return sum([len(one.data) for one in self.request.inputs])


def uncut(request: InferRequest, document: Buffer | None) -> Uncut:
    """Keep a request from the cuts that a contract may make in its texts; no data is copied."""
    inputs = [Tensor(one.name, one.datatype, one.shape, one.data) for one in request.inputs]
    kept = InferRequest(
        inputs, request.outputs, request.parameters, request.request_id, request.binary_default
    )
    return Uncut(kept, document)


class CanaryCall:
    """One call, in a task of its own: whoever waits for it may leave. Satisfies CallWatch."""

    __slots__ = ("_ends_s", "_is_cut_off", "_task", "canary", "seen", "took_s", "view")

    def __init__(self, canary: LiveCanary, view: VersionView, caller: Caller) -> None:
        """Be about to ``begin``; ``caller`` and what it has seen are the call's own."""
        self.canary, self.view, self.seen = canary, view, caller.seen
        self._ends_s = caller.deadline_s
        #: From its place to its end; 0 while it has none.
        self.took_s = 0.0
        self._is_cut_off = False
        self._task: asyncio.Task[Given]

    def begin(self, job: Coroutine[Any, Any, Given]) -> None:
        """Begin, before anything else."""
        self._task = self.canary.under_way.begin(job)

    async def answer(self, until_s: float) -> Given | None:
        """Give the canary's right answer; None where it has not come by then, but may still come.

        Raises why there is none: a ControlError, TimeoutError, or Recalled.
        """
        is_last = until_s >= self._ends_s  # it says itself that its time is over
        timeout_s = None if is_last else max(0.0, until_s - time.monotonic())
        await asyncio.wait([self._task], timeout=timeout_s)
        return self._result() if self._task.done() else None

    async def beside(self, other: asyncio.Task[Any]) -> None:
        """Wait until it has ended, or the other has."""
        await asyncio.wait([self._task, other], return_when=asyncio.FIRST_COMPLETED)

    async def cut_off(self, until_s: float) -> Given:
        """Give the answer if it comes by then; its time is over then. Raises as ``answer``."""
        given = await self.answer(until_s)
        if given is not None:
            return given
        if not self._task.cancelling():  # else it has been recalled
            self._is_cut_off = self._task.cancel()
        await asyncio.wait([self._task])
        return self._result()

    async def last_word(self) -> Given:
        """Give the answer whenever it comes; raises as ``answer``."""
        try:
            await asyncio.wait([self._task])
        except asyncio.CancelledError:
            self.give_up()
            raise
        return self._result()

    def give_up(self) -> None:
        """Want no answer any more."""
        self._task.cancel()

    def _result(self) -> Given:
        if self._task.cancelled():
            raise TimeoutError if self._is_cut_off else Recalled
        return self._task.result()

    def lost_by(self, error: Exception) -> Lost:
        """Say what a failure means."""
        end = end_of(error, apart=bool(self.view.upstream))
        return Lost(end, self.took_s, is_time_out(error))

    def ended(self, outcome: Outcome, duration_s: float) -> None:  # noqa: ARG002 - the error says more
        """Note the time."""
        self.took_s = duration_s

    def died(self) -> None:
        """Tell of a death that came to light when the call had been given up."""
        self.canary.ended(CanaryEnd.CRASH, self.took_s)


class CanaryCalls:
    """One per gateway; all calls on its event loop."""

    def __init__(self, answers: Answers, contract: ContractGate) -> None:
        """Hold requests to the canary's ``contract`` and ask ``answers`` for its own."""
        self._answers = answers
        self._contract = contract

    def begin(
        self, canary: LiveCanary, view: VersionView, caller: Caller, uncut: Uncut
    ) -> CanaryCall:
        """Begin a call that has until the caller's deadline."""
        call = CanaryCall(canary, view, caller)
        call.begin(self._call(call, caller, uncut))
        return call

    async def _call(self, call: CanaryCall, caller: Caller, uncut: Uncut) -> Given:
        request = uncut.request
        async with asyncio.timeout_at(caller.deadline_s + _GRACE_S):
            findings = await self._contract.admit(call.seen, call.view, request, uncut.document)
            caller.tokens = findings.tokens
            return await self._answers.try_once(caller, call.view, request, findings, call)

    def usual_s(self, canary: LiveCanary) -> float:
        """Give the seconds that a call takes now: of stable, or as well as is known; 0 if not.

        It has its place by then.
        """
        known = (self._answers.usual_s(one) for one in (canary.stable, canary.view) if one)
        return next((one for one in known if one), 0.0)

    def wait_s(self, canary: LiveCanary, caller: Caller) -> float:
        """Predict how long the caller would wait for a place at stable."""
        return self._answers.wait_s(caller, canary.stable) if canary.stable else 0.0
