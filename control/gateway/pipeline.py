"""The path of one inference request, stage by stage. Read this file first.

receive    ``control.http``: bytes under limits, before anything here runs
identify   who calls, and may they use this model             ``identify``
route      the pinned version, or the newest ready one        ``snapshots``
admit      the caller's quota of requests and bytes           ``quota_gate``
decode     JSON, binary or /generate to tensors               ``translation``
check      the request against the version's contract         ``contract_gate``
admit      the caller's quota of tokens                       ``quota_gate``
learn      what inputs look like, for contracts to come       ``traffic``
call       Triton, in binary form, version pinned             ``triton_calls``
check      the answer against the same contract               ``contract_gate``
encode     in the form that the client asked for              ``translation``
observe    always: counters, latency, the log line            ``observe``

The contract belongs to a version, so the version is looked up before decoding; and who may not
call, or has called enough, is refused before anything is decoded. The stages that design has
between these (quarantine, reuse, break, fall back) are not built yet; each will be one call here.
"""

import asyncio
import time
from dataclasses import dataclass

from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest
from control.gateway.codec.classification import classified_here, put_classes, without_classes
from control.gateway.codec.triton_form import Answer, encode_for_triton
from control.gateway.contract_gate import ContractGate, note_truncations
from control.gateway.identify import Identifier, authorize_infer
from control.gateway.observe import Observation, Observer
from control.gateway.quota_gate import QuotaGate
from control.gateway.snapshots import SnapshotHolder
from control.gateway.target import Form, Target
from control.gateway.traffic import Traffic
from control.gateway.translation import Translation
from control.gateway.triton_calls import TritonCalls
from control.http.messages import Headers, Reply
from control.quotas.permit import QuotaPermit


@dataclass(frozen=True, slots=True)
class Gates:
    """What a request must pass before Triton sees it."""

    identifier: Identifier
    quotas: QuotaGate
    contract: ContractGate


class Pipeline:
    """Guards inference requests. One per gateway; all calls on its event loop."""

    def __init__(
        self,
        snapshots: SnapshotHolder,
        gates: Gates,
        translation: Translation,
        triton: TritonCalls,
        observer: Observer,
        traffic: Traffic,
    ) -> None:
        """Decide by ``snapshots``, call through ``triton``, report to ``observer``."""
        self._snapshots = snapshots
        self._gates = gates
        self._translation = translation
        self._triton = triton
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
        with await self._gates.quotas.enter(identity, len(body)) as permit:
            reply = await self._admitted(seen, view, target.form, headers, body, permit)
        reply.headers = [
            *reply.headers,
            (b"x-request-id", seen.request_id.encode()),
            (b"seawall-model-version", b"%d" % view.version),
            (b"seawall-track", b"stable"),
            *permit.headers(),
        ]
        return reply

    async def _admitted(
        self,
        seen: Observation,
        view: VersionView,
        form: Form,
        headers: Headers,
        body: Buffer,
        permit: QuotaPermit,
    ) -> Reply:
        body = await self._translation.plain_body(view, headers, body)
        request = await self._translation.decode(view, form, headers, body)
        document = body if form is not Form.INFER else None
        findings = await self._gates.contract.admit(seen, view, request, document)
        await self._gates.quotas.charge_tokens(permit, findings.tokens)
        self._traffic.note(view, request, findings, seen.body_bytes)
        answer = await self._call(seen, view, request)
        if findings.truncations:
            note_truncations(answer, findings.truncations)
        return await self._translation.encode(form, headers, request, answer)

    async def _call(self, seen: Observation, view: VersionView, request: InferRequest) -> Answer:
        classified = classified_here(view.contract, request) if request.outputs else {}
        upstream = without_classes(request, classified)
        header, data = encode_for_triton(upstream)
        raw = await self._triton.infer(view, header, data)
        seen.answered()
        answer = await self._translation.decode_answer(raw)
        await self._gates.contract.accept(seen, view, answer, upstream)
        if classified:
            await asyncio.to_thread(put_classes, view.contract, answer, classified)
        return answer
