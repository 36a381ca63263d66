"""Encodes an answer in the form that the client asked for."""

from dataclasses import replace
from typing import Any, Final

import orjson

from control.core.tensors import AnswerTensor, Buffer, InferRequest
from control.errors import NotAcceptable
from control.gateway.codec.elements import unpack_json
from control.gateway.codec.triton_form import Answer
from control.http.messages import Reply

_OCTETS: Final = b"application/octet-stream"


def encode_infer(request: InferRequest, answer: Answer) -> Reply:
    """Encode as JSON, binary or both; an all-binary answer goes out as Triton wrote it."""
    binary = _binary_outputs(request, answer)
    if len(binary) == len(answer.tensors) and binary and answer.as_triton_wrote_it:
        return _binary_reply(answer.json, [answer.binary])
    document: dict[str, Any] = {
        "model_name": answer.model,
        "model_version": answer.version,
    }
    if answer.request_id:
        document["id"] = answer.request_id
    if answer.parameters:
        document["parameters"] = answer.parameters
    document["outputs"] = [_output(tensor, tensor.name in binary) for tensor in answer.tensors]
    header = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    if not binary:
        return Reply(200, [header])
    return _binary_reply(header, [one.data for one in answer.tensors if one.name in binary])


def all_binary(request: InferRequest) -> bool:
    """Whether no output has to be written as JSON."""
    if not request.outputs:
        return request.binary_default
    return all(output.binary for output in request.outputs)


def portable(answer: Answer) -> Answer:
    """Copy the answer's views to bytes, which can be sent to another process."""
    tensors = [replace(one, data=bytes(one.data)) for one in answer.tensors]
    return replace(answer, tensors=tensors, json=b"", binary=b"")


def _binary_outputs(request: InferRequest, answer: Answer) -> set[str]:
    if not request.outputs:
        return {one.name for one in answer.tensors} if request.binary_default else set()
    return {output.name for output in request.outputs if output.binary}


def _binary_reply(header: Buffer, data: list[Buffer]) -> Reply:
    length = (b"Inference-Header-Content-Length", b"%d" % len(header))
    return Reply(200, [header, *data], content_type=_OCTETS, headers=[length])


def _output(tensor: AnswerTensor, binary: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.shape,
    }
    if binary:
        document["parameters"] = {"binary_data_size": len(tensor.data)}
    else:
        document["data"] = json_elements(tensor)
    return document


def json_elements(tensor: AnswerTensor) -> Any:  # noqa: ANN401 - whatever orjson writes as an array
    """Give a tensor's elements in a form that orjson writes as a flat array."""
    try:
        return unpack_json(tensor.data, tensor.datatype)
    except UnicodeDecodeError as error:
        message = (
            f"output '{tensor.name}' holds bytes that are not UTF-8, which JSON cannot carry: "
            "ask for it with the parameter binary_data"
        )
        raise NotAcceptable(message) from error
