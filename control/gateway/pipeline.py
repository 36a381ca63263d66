"""The path of one inference request, stage by stage. Read this file first.

receive    ``control.http``: bytes under limits, before anything here runs
decode     JSON, binary or /generate to tensors              ``codec``
check      the request against the version's contract         ``contract_gate``
route      the pinned version, or the newest ready one        ``snapshots``
call       Triton, in binary form, version pinned             ``triton_calls``
check      the answer against the same contract               ``contract_gate``
encode     in the form that the client asked for              ``codec``
observe    always: counters, latency, the log line            ``observe``

The contract belongs to a version, so the version is looked up before decoding. The stages that
design has between these (identify, quarantine, admit, reuse, break, fall back) are not built yet;
each will be one call in ``_answer`` at its place.
"""

import asyncio
import enum
from dataclasses import dataclass
from typing import Final

from control.core.datatypes import BYTES
from control.core.elements import walk_bytes
from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest, element_count
from control.errors import BadUpstreamAnswer, MalformedRequest, NotSupported
from control.gateway.codec.classification import classified_here, put_classes, without_classes
from control.gateway.codec.compression import choose_encoding, compress, decompress
from control.gateway.codec.generate import decode_generate, encode_generate, generate_reply
from control.gateway.codec.infer_answer import all_binary, encode_infer, portable
from control.gateway.codec.infer_request import decode_infer, decode_raw
from control.gateway.codec.triton_form import Answer, decode_from_triton, encode_for_triton
from control.gateway.contract_gate import ContractGate, note_truncations
from control.gateway.heavy_work import HEAVY_BYTES, HeavyWork
from control.gateway.observe import Observation, Observer
from control.gateway.snapshots import SnapshotHolder
from control.gateway.triton_calls import TritonCalls
from control.http.messages import Headers, Reply

_RAW: Final = b"0"
_WALK_SLICE: Final = 4096


class Form(enum.Enum):
    """The endpoint that a request came to."""

    INFER = "infer"
    GENERATE = "generate"
    GENERATE_STREAM = "generate_stream"


@dataclass(frozen=True, slots=True)
class Target:
    """What the path names: a model, maybe a version of it, and the endpoint."""

    model: str
    version: int | None
    form: Form = Form.INFER


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """Sizes beyond which the pipeline refuses."""

    max_body_bytes: int = 64 * 1024 * 1024
    max_json_bytes: int = 16 * 1024 * 1024
    first_snapshot_timeout_s: float = 30.0


class Pipeline:
    """Guards inference requests. One per gateway; all calls on its event loop."""

    def __init__(
        self,
        snapshots: SnapshotHolder,
        triton: TritonCalls,
        observer: Observer,
        gate: ContractGate,
        heavy: HeavyWork,
        limits: PipelineLimits,
    ) -> None:
        """Decide by ``snapshots``, call through ``triton``, report to ``observer``."""
        self._gate = gate
        self._heavy = heavy
        self._snapshots = snapshots
        self._triton = triton
        self._observer = observer
        self._limits = limits

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
            await self._snapshots.wait_first(self._limits.first_snapshot_timeout_s)
        view = self._snapshots.choose(target.model, target.version)
        seen.routed(view)
        body = await self._decompress(view, headers, body)
        request = await self._decode(view, target.form, headers, body)
        document = body if target.form is not Form.INFER else None
        findings = await self._gate.admit(seen, view, request, document)
        answer = await self._call(seen, view, request)
        if findings.truncations:
            note_truncations(answer, findings.truncations)
        return await self._encode(seen, view, target.form, headers, request, answer)

    async def _decompress(self, view: VersionView, headers: Headers, body: Buffer) -> Buffer:
        if view.contract.decoupled:
            message = f"model '{view.model}' is decoupled: it answers over gRPC streams only"
            raise NotSupported(message)
        encoding = headers.get(b"content-encoding")
        if encoding is None:
            return body
        return await decompress(body, encoding, self._limits.max_body_bytes)

    async def _decode(
        self, view: VersionView, form: Form, headers: Headers, body: Buffer
    ) -> InferRequest:
        max_json_bytes = self._limits.max_json_bytes
        header_length = headers.get(b"inference-header-content-length")
        heavy = HEAVY_BYTES < len(body) <= max_json_bytes and header_length is None
        if form is not Form.INFER and heavy:
            job = self._heavy.run(decode_generate, bytes(body), view.contract, max_json_bytes)
            return await job
        if form is not Form.INFER:
            return decode_generate(body, view.contract, max_json_bytes)
        if header_length == _RAW:
            return decode_raw(body, view.contract)
        if heavy:
            request = await self._heavy.run(decode_infer, bytes(body), None, max_json_bytes)
        else:
            request = decode_infer(body, header_length, max_json_bytes)
        for tensor in request.inputs:
            if tensor.datatype == BYTES:
                fault = await _fault_in_texts(tensor.data, element_count(tensor.shape))
                if fault:
                    message = f"inputs.{tensor.name}: {fault}"
                    raise MalformedRequest(message)
        return request

    async def _call(self, seen: Observation, view: VersionView, request: InferRequest) -> Answer:
        classified = classified_here(view.contract, request) if request.outputs else {}
        upstream = without_classes(request, classified)
        header, data = encode_for_triton(upstream)
        raw = await self._triton.infer(view, header, data)
        seen.answered()
        answer = decode_from_triton(raw.headers, raw.body)
        for tensor in answer.tensors:
            if tensor.datatype == BYTES:
                fault = await _fault_in_texts(tensor.data, element_count(tensor.shape))
                if fault:
                    message = f"outputs.{tensor.name}: {fault}"
                    raise BadUpstreamAnswer(message)
        await self._gate.accept(seen, view, answer, upstream)
        if classified:
            await asyncio.to_thread(put_classes, view.contract, answer, classified)
        return answer

    async def _encode(
        self,
        seen: Observation,
        view: VersionView,
        form: Form,
        headers: Headers,
        request: InferRequest,
        answer: Answer,
    ) -> Reply:
        if form is not Form.INFER:
            stream = form is Form.GENERATE_STREAM
            reply = generate_reply(encode_generate(answer), stream=stream)
        elif len(answer.binary) > HEAVY_BYTES and not all_binary(request):
            asked = InferRequest([], request.outputs, binary_default=request.binary_default)
            reply = await self._heavy.run(encode_infer, asked, portable(answer))
        else:
            reply = encode_infer(request, answer)
        added = [
            (b"x-request-id", seen.request_id.encode()),
            (b"seawall-model-version", b"%d" % view.version),
            (b"seawall-track", b"stable"),
        ]
        encoding = choose_encoding(headers.get(b"accept-encoding"))
        if encoding:
            reply.body, encoding = await compress(reply.body, encoding)
            if encoding:
                added.append((b"Content-Encoding", encoding))
        reply.headers = [*reply.headers, *added]
        return reply


async def _fault_in_texts(data: Buffer, count: int) -> str:
    """Follow the length prefixes of a BYTES tensor, yielding to other requests now and then."""
    position, walked = walk_bytes(data, 0, _WALK_SLICE)
    while 0 <= position < len(data):
        await asyncio.sleep(0)
        position, steps = walk_bytes(data, position, _WALK_SLICE)
        walked += steps
    if position < 0:
        return "a length prefix points past the end of the data"
    if walked != count:
        return f"shape needs {count} elements, the data holds {walked}"
    return ""
