"""One call of Triton, protected: the breaker's leave, a permit, the call, and what it came to.

A call holds its permit until Triton is done with it, not until its caller has stopped waiting: the
limit counts what Triton really has to do.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from control.core.outcome import Outcome
from control.core.snapshot import VersionView
from control.core.tensors import InferRequest
from control.errors import DeadlineExceeded, UpstreamUnavailable
from control.gateway.caller import Caller
from control.gateway.codec.triton_form import Answer, EncodedRequest, encode_for_triton
from control.gateway.contract_gate import ContractGate
from control.gateway.protection.admission import Ask, Permit
from control.gateway.protection.breaker_board import Breaker, Ticket
from control.gateway.protection.call_watch import CallWatch, nobody_watches
from control.gateway.protection.guards import Guards
from control.gateway.protection.outcomes import outcome_of
from control.gateway.replies_of_triton import StubDied, classify_refusal
from control.gateway.translation import Translation
from control.gateway.triton_servers import TritonServers
from control.triton.upstream import Abandoned, UpstreamAnswer

_OK: Final = 200
_DIED: Final = "its process has died"

_Send = Callable[[VersionView, EncodedRequest, float, Abandoned], Awaitable[UpstreamAnswer]]


class ProtectedCalls:
    """Sends requests to versions. One per gateway; all calls on its event loop."""

    def __init__(
        self,
        guards: Guards,
        servers: TritonServers,
        translation: Translation,
        contract: ContractGate,
        watch_of: Callable[[VersionView], CallWatch | None] = nobody_watches,
    ) -> None:
        """Ask ``guards``, call ``servers``, believe what ``contract`` accepts."""
        self._guards = guards
        self._servers = servers
        self._translation = translation
        self._contract = contract
        self._watch_of = watch_of

    async def send(
        self, caller: Caller, view: VersionView, request: InferRequest, deadline_s: float
    ) -> Answer:
        """Give the version's own right answer by ``deadline_s``, or raise why there is none."""
        if not view.ready:
            message = f"model '{view.model}' version {view.version} is not ready"
            raise UpstreamUnavailable(message, retry_after_s=1)
        triton = self._servers.of(view)
        if not triton.gate.is_open:
            # Not in line: how long that takes is judged by what Triton gets done, which is nothing.
            await triton.wait_until_up(deadline_s)
        hold = await self._enter(caller, view, request, deadline_s)
        if not caller.seen.is_rerouted:  # what a canary has failed on says less of stable's calls
            hold.watch = self._watch_of(view)
        return await self._call(hold, caller, view, request, triton.infer)

    async def try_once(
        self, caller: Caller, view: VersionView, request: InferRequest, watch: CallWatch
    ) -> Answer:
        """Give the version's answer by the caller's deadline, or raise what stands in the way.

        A Triton that is away or dies is not waited for: somebody else can answer.
        """
        triton = self._servers.of(view)
        triton.refuse_if_away()
        hold = await self._enter(caller, view, request, caller.deadline_s)
        hold.watch = watch
        return await self._call(hold, caller, view, request, triton.infer_once)

    async def _call(
        self,
        hold: "_Hold",
        caller: Caller,
        view: VersionView,
        request: InferRequest,
        send: _Send,
    ) -> Answer:
        try:
            deadline_s = hold.deadline_s
            timeout_us = int((deadline_s - time.monotonic()) * 1e6)
            if timeout_us <= 0:
                raise DeadlineExceeded("the request's time was over before Triton could be asked")  # noqa: TRY301
            raw = await send(view, encode_for_triton(request, timeout_us), deadline_s, hold)
            caller.seen.answered()
            answer = await self._translation.decode_answer(raw)
            await self._contract.accept(caller.seen, view, answer, request)
        except BaseException as error:
            hold.failed(error)
            raise
        hold.end(Outcome.SUCCESS)
        return answer

    async def _enter(
        self, caller: Caller, view: VersionView, request: InferRequest, deadline_s: float
    ) -> "_Hold":
        guards = self._guards
        breaker = guards.breakers.of(view)
        ticket = breaker.ask()
        memory_bytes = guards.memory.predict(view, request, caller.tokens)
        ask = Ask(caller.tenant, caller.priority, deadline_s, memory_bytes)
        admission = guards.admissions.of(view)
        try:
            permit = admission.try_enter(ask) or await admission.enter(ask)
        except BaseException:
            breaker.end(ticket, Outcome.IGNORED)
            raise
        return _Hold(breaker, ticket, permit, deadline_s)


class _Hold:
    """What a call holds. Satisfies ``triton.upstream.Abandoned``."""

    __slots__ = (
        "_breaker",
        "_outcome",
        "_permit",
        "_started_s",
        "_ticket",
        "_with_triton",
        "deadline_s",
        "watch",
    )

    def __init__(self, breaker: Breaker, ticket: Ticket, permit: Permit, deadline_s: float) -> None:
        self._breaker, self._ticket, self._permit = breaker, ticket, permit
        self.deadline_s = deadline_s
        self.watch: CallWatch | None = None
        self._started_s = time.monotonic()
        self._outcome = Outcome.IGNORED
        self._with_triton = False

    def end(self, outcome: Outcome) -> None:
        """Give back everything."""
        took_s = time.monotonic() - self._started_s
        self._breaker.end(self._ticket, outcome, took_s)
        self._permit.end(outcome)
        if self.watch is not None:
            self.watch.ended(outcome, took_s)

    def failed(self, error: BaseException) -> None:
        """Give back everything that Triton does not go on with."""
        had_time = self._breaker.timed_out_fairly(self.deadline_s - self._started_s)
        self._outcome = outcome_of(error, had_time=had_time)
        if isinstance(error, StubDied):
            self._breaker.open_at_once(_DIED, self._ticket)
        took_s = time.monotonic() - self._started_s
        self._breaker.end(self._ticket, self._outcome, took_s)
        if not self._with_triton:
            self._permit.end(self._outcome)
        if self.watch is not None:
            self.watch.ended(self._outcome, took_s)

    def left(self) -> None:
        """Keep the permit for Triton, which goes on."""
        self._with_triton = True

    def ended(self, answer: UpstreamAnswer | None) -> None:
        """Give the permit back: Triton is done with what nobody waits for."""
        if answer is not None and answer.status != _OK:
            config_json = self._breaker.view.config_json
            error = classify_refusal(answer.status, bytes(answer.body), config_json)
            if isinstance(error, StubDied):
                self._breaker.open_at_once(_DIED, self._ticket)
                if self.watch is not None:
                    self.watch.died()
        self._permit.end(self._outcome)
