"""An inference request as Triton gets it, and its answer as Triton gives it: always binary."""

from dataclasses import dataclass
from typing import Final

import msgspec
import orjson

from control.core.datatypes import BYTES, DATATYPES
from control.core.elements import expected_bytes
from control.core.tensors import (
    AnswerTensor,
    Buffer,
    InferRequest,
    Parameter,
    element_count,
)
from control.errors import BadUpstreamAnswer

_HEADER_LENGTH: Final = b"inference-header-content-length"


class _Output(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Parameter] = {}


class _Header(msgspec.Struct):
    model_name: str
    model_version: str
    outputs: list[_Output] = []
    id: str = ""
    parameters: dict[str, Parameter] | None = None


_decode_header: Final = msgspec.json.Decoder(_Header).decode


@dataclass(slots=True)
class Answer:
    """Triton's whole answer; ``json`` and ``binary`` are its two parts as they came.

    ``as_triton_wrote_it`` turns false where the tensors are no longer what those parts say.
    """

    model: str
    version: str
    request_id: str
    parameters: dict[str, Parameter] | None
    tensors: list[AnswerTensor]
    json: Buffer
    binary: Buffer
    as_triton_wrote_it: bool = True


@dataclass(frozen=True, slots=True)
class EncodedRequest:
    """A request as Triton gets it: the JSON part and the binary parts, ``length`` bytes in all."""

    header: bytes
    data: list[Buffer]

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        return len(self.header) + sum(map(len, self.data))


def encode_for_triton(request: InferRequest, timeout_us: int = 0) -> EncodedRequest:
    """Write the request for Triton, with the time that is left for it (0: none is said)."""
    document: dict[str, object] = {
        "inputs": [
            {
                "name": tensor.name,
                "shape": tensor.shape,
                "datatype": tensor.datatype,
                "parameters": {"binary_data_size": len(tensor.data)},
            }
            for tensor in request.inputs
        ]
    }
    if request.request_id:
        document["id"] = request.request_id
    parameters = dict(request.parameters)
    if timeout_us:
        parameters["timeout"] = timeout_us
    if request.outputs:
        document["outputs"] = [
            {
                "name": output.name,
                "parameters": {"binary_data": True, "classification": output.classification}
                if output.classification
                else {"binary_data": True},
            }
            for output in request.outputs
        ]
    else:
        parameters["binary_data_output"] = True
    if parameters:
        document["parameters"] = parameters
    return EncodedRequest(orjson.dumps(document), [tensor.data for tensor in request.inputs])


def decode_from_triton(headers: dict[bytes, bytes], body: Buffer) -> Answer:
    """Split Triton's answer into tensors; raises BadUpstreamAnswer where it does not add up."""
    view = memoryview(body)
    text = headers.get(_HEADER_LENGTH, b"%d" % len(view))
    length = int(text) if text.isdigit() else len(view)
    try:
        header = _decode_header(view[:length])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = "Triton's answer is not an inference response"
        raise BadUpstreamAnswer(message) from error
    tensors, position = [], length
    for output in header.outputs:
        tensor, position = _decode_output(output, view, position)
        tensors.append(tensor)
    if position != len(view):
        message = "Triton's answer has bytes that belong to no output"
        raise BadUpstreamAnswer(message)
    return Answer(
        header.model_name,
        header.model_version,
        header.id,
        header.parameters,
        tensors,
        view[:length],
        view[length:],
    )


def _decode_output(output: _Output, view: memoryview, position: int) -> tuple[AnswerTensor, int]:
    size = output.parameters.get("binary_data_size")
    if not isinstance(size, int) or not 0 <= size <= len(view) - position:
        message = f"output '{output.name}' came without its binary data"
        raise BadUpstreamAnswer(message)
    if output.datatype not in DATATYPES:
        message = f"output '{output.name}' has the unknown datatype '{output.datatype[:32]}'"
        raise BadUpstreamAnswer(message)
    if min(output.shape, default=0) < 0:
        message = f"output '{output.name}' has the impossible shape {output.shape}"
        raise BadUpstreamAnswer(message)
    if output.datatype != BYTES:
        needed = expected_bytes(output.datatype, element_count(output.shape))
        if size != needed:
            message = (
                f"output '{output.name}' of shape {output.shape} and {output.datatype} "
                f"needs {needed} bytes, got {size}"
            )
            raise BadUpstreamAnswer(message)
    end = position + size
    return AnswerTensor(output.name, output.datatype, output.shape, view[position:end]), end
