"""Between a client's bytes and tensors, both ways; large JSON goes to the helper process."""

import asyncio
from typing import Final

from control.core.datatypes import BYTES
from control.core.elements import walk_bytes
from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest, element_count
from control.errors import BadUpstreamAnswer, MalformedRequest, NotSupported
from control.gateway.codec.compression import choose_encoding, compress, decompress
from control.gateway.codec.generate import decode_generate, encode_generate, generate_reply
from control.gateway.codec.infer_answer import all_binary, encode_infer, portable
from control.gateway.codec.infer_request import decode_infer, decode_raw
from control.gateway.codec.triton_form import Answer, decode_from_triton
from control.gateway.heavy_work import HEAVY_BYTES, HeavyWork
from control.gateway.target import Form
from control.http.messages import Headers, Reply
from control.triton.upstream import UpstreamAnswer

_RAW: Final = b"0"
_WALK_SLICE: Final = 4096


class Translation:
    """Decodes requests and encodes answers, in all forms that Triton's clients use."""

    def __init__(self, heavy: HeavyWork, max_body_bytes: int, max_json_bytes: int) -> None:
        """Refuse bodies that are larger, decompressed, and JSON that is."""
        self._heavy = heavy
        self._max_body_bytes = max_body_bytes
        self._max_json_bytes = max_json_bytes

    async def plain_body(self, view: VersionView, headers: Headers, body: Buffer) -> Buffer:
        """Give the body as it was before compression."""
        if view.contract.decoupled:
            message = f"model '{view.model}' is decoupled: it answers over gRPC streams only"
            raise NotSupported(message)
        encoding = headers.get(b"content-encoding")
        if encoding is None:
            return body
        return await decompress(body, encoding, self._max_body_bytes)

    async def decode(
        self, view: VersionView, form: Form, headers: Headers, body: Buffer
    ) -> InferRequest:
        """Decode a plain body; raises MalformedRequest and its kin."""
        max_json_bytes = self._max_json_bytes
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

    async def decode_answer(self, raw: UpstreamAnswer) -> Answer:
        """Decode what Triton answered; raises BadUpstreamAnswer."""
        answer = decode_from_triton(raw.headers, raw.body)
        for tensor in answer.tensors:
            if tensor.datatype == BYTES:
                fault = await _fault_in_texts(tensor.data, element_count(tensor.shape))
                if fault:
                    message = f"outputs.{tensor.name}: {fault}"
                    raise BadUpstreamAnswer(message)
        return answer

    async def encode(
        self, form: Form, headers: Headers, request: InferRequest, answer: Answer
    ) -> Reply:
        """Encode an answer as the client asked for it, compressed where it accepts that."""
        if form is not Form.INFER:
            stream = form is Form.GENERATE_STREAM
            reply = generate_reply(encode_generate(answer), stream=stream)
        elif len(answer.binary) > HEAVY_BYTES and not all_binary(request):
            asked = InferRequest([], request.outputs, binary_default=request.binary_default)
            reply = await self._heavy.run(encode_infer, asked, portable(answer))
        else:
            reply = encode_infer(request, answer)
        encoding = choose_encoding(headers.get(b"accept-encoding"))
        if encoding:
            reply.body, encoding = await compress(reply.body, encoding)
            if encoding:
                reply.headers = [*reply.headers, (b"Content-Encoding", encoding)]
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
