"""The path of one inference request, stage by stage. Read this file first.

receive    ``control.http``: bytes under limits, before anything here runs
identify   who calls, and may they use this model             ``identify``
route      the pinned version, or the model's stable one      ``snapshots``
hurry      until when the answer is of use, who goes first    ``caller``
admit      the caller's quota of requests and bytes           ``quota_gate``
decode     JSON, binary or /generate to tensors               ``translation``
track      stable, or the version that is tried out           ``rollouts``
shed       at once who would find no place                    ``answers``
check      the request against the version's contract         ``contract_gate``
admit      the caller's quota of tokens                       ``quota_gate``
learn      what inputs look like, for contracts to come       ``traffic``
answer     kept, shared, called, or given by a fallback       ``answers``
             first of all, on its track, by the canary        ``rollouts``
             call: its breaker, its memory and place in line  ``protection``
             send: to Triton, binary, version pinned          ``triton_calls``
             check: the answer against the same contract      ``contract_gate``
encode     in the form that the client asked for              ``translation``
observe    always: counters, latency, the log line            ``observe``

The contract belongs to a version, so the version is looked up before decoding; and who may not
call, or has called enough, is refused before anything is decoded. Nobody waits for a place who
could have been answered without one, so reuse comes before admission. Whatever comes before
``answer`` is stable's business on both tracks: a canary may only fail to answer, and then stable
does, as if there were none. The stage that design has besides (quarantine) is not built yet; it
will be one call here.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest
from control.core.track import Track
from control.errors import DeadlineExceeded
from control.gateway.answers import Answers, Given
from control.gateway.caller import Caller, caller_of, heed_parameters
from control.gateway.contract_gate import ContractGate
from control.gateway.identify import Identifier, authorize_infer
from control.gateway.observe import Observation, Observer
from control.gateway.quota_gate import QuotaGate
from control.gateway.rollouts.courses import Courses
from control.gateway.snapshots import SnapshotHolder
from control.gateway.target import Form, Target
from control.gateway.traffic import Traffic
from control.gateway.translation import Translation
from control.http.messages import Headers, Reply
from control.quotas.permit import QuotaPermit

#: What decoding and checking may take more than a moment for.
_SLOW_BYTES: Final = 64 * 1024
# Bound once: an enum's member is slow to look up, and slow as a key.
_CANARY: Final = Track.CANARY
_STABLE_NAME, _CANARY_NAME = Track.STABLE.value.encode(), Track.CANARY.value.encode()
#: Calls and fallbacks keep to the deadline themselves, and say what they ran into.
_GRACE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Gates:
    """What a request must pass before an answer is sought; nobody gets more than ``timeout_s``."""

    identifier: Identifier
    quotas: QuotaGate
    contract: ContractGate
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Roads:
    """Where answers come from, and which way a model's rollout sends its requests."""

    answers: Answers
    courses: Courses


class Pipeline:
    """Guards inference requests. One per gateway; all calls on its event loop."""

    def __init__(
        self,
        snapshots: SnapshotHolder,
        gates: Gates,
        translation: Translation,
        roads: Roads,
        observer: Observer,
        traffic: Traffic,
    ) -> None:
        """Decide by ``snapshots``, seek answers on ``roads``, report to ``observer``."""
        self._snapshots = snapshots
        self._gates = gates
        self._translation = translation
        self._answers, self._courses = roads.answers, roads.courses
        self._observer = observer
        self._traffic = traffic

    async def infer(self, target: Target, headers: Headers, body: Buffer) -> Reply:
        """Answer one request, whatever comes: refusals are replies too."""
        seen = self._observer.start(target.model, headers, len(body))
        try:
            reply = await self._answer(seen, target, headers, body)
        except asyncio.CancelledError:
            self._observer.client_gone(seen)
            raise
        except Exception as error:  # noqa: BLE001 - outermost edge: a client gets an answer always
            reply = self._observer.reply_to_failure(seen, error)
        self._observer.finish(seen, reply)
        return reply

    async def _answer(
        self, seen: Observation, target: Target, headers: Headers, body: Buffer
    ) -> Reply:
        if not self._snapshots.filled:
            await self._snapshots.wait_first()
        identity = self._gates.identifier.identify(headers, time.time())
        seen.identity = identity
        authorize_infer(identity, target.model)
        view = self._snapshots.choose(target.model, target.version)
        seen.routed(view)
        caller = caller_of(seen, identity, view, headers, self._gates.timeout_s)
        with await self._gates.quotas.enter(identity, len(body)) as permit:
            job = self._admitted(caller, view, target, headers, body, permit)
            slow = len(body) >= _SLOW_BYTES or b"content-encoding" in headers
            reply = await (_in_time(job, caller.deadline_s) if slow else job)
        reply.headers = [
            *reply.headers,
            (b"x-request-id", seen.request_id.encode()),
            (b"seawall-model-version", b"%d" % (seen.view or view).version),
            (b"seawall-track", _CANARY_NAME if seen.track is _CANARY else _STABLE_NAME),
            *permit.headers(),
        ]
        return reply

    async def _admitted(
        self,
        caller: Caller,
        view: VersionView,
        target: Target,
        headers: Headers,
        body: Buffer,
        permit: QuotaPermit,
    ) -> Reply:
        seen, form = caller.seen, target.form
        body = await self._translation.plain_body(view, headers, body)
        request = await self._translation.decode(view, form, headers, body)
        heed_parameters(caller, request, headers)
        course = self._courses.of(target, caller, headers, body, request)
        if course is None or course.track is Track.STABLE:
            self._answers.refuse_hopeless(caller, view, request)
        document = body if form is not Form.INFER else None
        findings = await self._gates.contract.admit(seen, view, request, document)
        caller.tokens = findings.tokens
        await self._gates.quotas.charge_tokens(permit, caller.tokens)
        self._traffic.note(view, request, findings, seen.body_bytes)
        if course is None:
            given = await self._answers.find(caller, view, request, findings)
            return await self._write(form, headers, request, given)
        find = partial(self._answers.find, view=view, request=request, findings=findings)
        return await course.answer(find, partial(self._write, form, headers, request))

    async def _write(
        self, form: Form, headers: Headers, request: InferRequest, given: Given
    ) -> Reply:
        reply = await self._translation.encode(form, headers, request, given.answer)
        if given.headers:
            reply.headers = [*reply.headers, *given.headers]
        return reply


async def _in_time(job: Coroutine[Any, Any, Reply], deadline_s: float) -> Reply:
    """Hold all stages of a large request to its deadline: reading it alone may take seconds."""
    try:
        async with asyncio.timeout_at(deadline_s + _GRACE_S):
            return await job
    except TimeoutError as error:
        message = "the request's time was over before its answer was written"
        raise DeadlineExceeded(message) from error
