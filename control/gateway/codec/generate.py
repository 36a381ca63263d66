"""The ``/generate`` form: a flat JSON object whose keys are inputs, or parameters."""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import orjson

from control.core.contract import Contract
from control.core.elements import as_array
from control.core.tensors import Buffer, InferRequest, Parameter, Tensor
from control.errors import MalformedRequest, TooLarge
from control.gateway.codec.elements import pack_values
from control.gateway.codec.infer_answer import json_elements
from control.gateway.codec.infer_request import deduce_shape, parse_with_special_numbers
from control.gateway.codec.parameters import checked_parameters
from control.gateway.codec.triton_form import Answer
from control.http.messages import Reply

_MAX_ID_LENGTH: Final = 1024


def decode_generate(body: Buffer, contract: Contract, max_json_bytes: int) -> InferRequest:
    """Map keys that name inputs to tensors and all others to parameters, as Triton does."""
    if len(body) > max_json_bytes:
        message = f"JSON of {len(body)} bytes exceeds {max_json_bytes} bytes"
        raise TooLarge(message)
    document = _parse(body)
    request_id = document.get("id", "")
    if not isinstance(request_id, str) or len(request_id) > _MAX_ID_LENGTH:
        message = f"id: expected a string of at most {_MAX_ID_LENGTH} characters"
        raise MalformedRequest(message)
    inputs: list[Tensor] = []
    parameters: dict[str, Parameter] = {}
    for path, key, value in _entries(document, contract):
        if key in contract.inputs:
            inputs.append(_tensor(contract, key, value))
        else:
            parameters[key] = _parameter(path, value)
    return InferRequest(inputs, parameters=checked_parameters(parameters), request_id=request_id)


def encode_generate(answer: Answer) -> bytes:
    """Write outputs as keys, one element as itself and several as a flat array."""
    document: dict[str, Any] = {tensor.name: _value(tensor) for tensor in answer.tensors}
    document.update(answer.parameters or {})
    if answer.request_id:
        document["id"] = answer.request_id
    document["model_name"] = answer.model
    document["model_version"] = answer.version
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def generate_reply(document: bytes, *, stream: bool) -> Reply:
    """Answer with the document, or with it as the only event of a stream."""
    if stream:
        event = [b"data: ", document, b"\n\n"]
        return Reply(200, event, content_type=b"text/event-stream; charset=utf-8")
    return Reply(200, [document])


def _parse(body: Buffer) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except RecursionError as error:
        message = "JSON is nested too deeply"
        raise MalformedRequest(message) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        document = parse_with_special_numbers(bytes(body), dict[str, Any])
        if document is not None:
            return document
        message = f"invalid request: {error}"
        raise MalformedRequest(message) from error


def _entries(document: dict[str, Any], contract: Contract) -> Iterator[tuple[str, str, object]]:
    """Give path, key and value of every entry; those of ``parameters`` stand beside the others."""
    for key, value in document.items():
        if key != "parameters" or key in contract.inputs:
            yield key, key, value
        elif isinstance(value, dict):
            for name, nested in value.items():
                yield f"parameters.{name}", name, nested
        else:
            message = "parameters: expected an object"
            raise MalformedRequest(message)


def _tensor(contract: Contract, name: str, value: object) -> Tensor:
    spec = contract.inputs[name]
    values = value if isinstance(value, list) else [value]
    data, count = pack_values(values, spec.datatype, name)
    return Tensor(name, spec.datatype, deduce_shape(contract, spec.dims, count, name), data)


def _parameter(name: str, value: object) -> Parameter:
    if isinstance(value, (str, int, float, bool)):
        return value
    message = (
        f"'{name[:64]}' names no input, and as a parameter it must be a string, number or boolean"
    )
    raise MalformedRequest(message)


def _value(tensor: Any) -> Any:  # noqa: ANN401 - whatever orjson writes
    elements = json_elements(tensor)
    if isinstance(elements, orjson.Fragment):  # numbers for which JSON proper has no word
        values = as_array(tensor.data, tensor.datatype)
        return elements if values.size > 1 else orjson.Fragment(json.dumps(values.item()))
    if len(elements) != 1:
        return elements
    only = elements[0]
    return only.item() if isinstance(only, np.generic) else only
