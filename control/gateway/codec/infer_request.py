"""Decodes the body of ``/infer``: JSON, binary tensors after a JSON header, or one raw tensor."""

import json
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from control.core.contract import ANY_SIZE, Contract
from control.core.datatypes import BYTES, DATATYPES
from control.core.elements import expected_bytes, pack_bytes
from control.core.tensors import (
    MAX_RANK,
    Buffer,
    InferRequest,
    Parameter,
    RequestedOutput,
    Tensor,
    element_count,
)
from control.core.violations import Violation
from control.errors import Forbidden, MalformedRequest, TooLarge
from control.gateway.codec.elements import pack_json, pack_values
from control.gateway.codec.parameters import checked_parameters, take_flag

#: Larger products of dimensions are never meant. numpy refuses an *empty* array whose other
#: dimensions multiply past its index range, and dies of it inside Triton's Python stub.
MAX_ELEMENTS: Final = 2**40
_MAX_CLASSES: Final = 2**32  # Triton takes it for none from here on

_MAX_LENGTH_DIGITS: Final = 18
#: More tensors than any model has: each costs a violation, and time to write it down.
_MAX_TENSORS: Final = 1024

_Dim = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Name = Annotated[str, Meta(max_length=256)]
_Parameters = dict[str, Parameter]


T = TypeVar("T")


class _Input(msgspec.Struct):
    name: _Name
    datatype: str
    shape: list[_Dim]
    parameters: _Parameters | None = None
    data: msgspec.Raw = msgspec.Raw()


class _Output(msgspec.Struct):
    name: _Name
    parameters: _Parameters | None = None


class _Header(msgspec.Struct):
    inputs: Annotated[list[_Input], Meta(max_length=_MAX_TENSORS)]
    id: Annotated[str, Meta(max_length=1024)] = ""
    parameters: _Parameters | None = None
    outputs: Annotated[list[_Output], Meta(max_length=_MAX_TENSORS)] | None = None


class _LooseInput(msgspec.Struct):
    name: _Name
    datatype: str
    shape: list[_Dim]
    parameters: _Parameters | None = None
    data: list[Any] | None = None


class _LooseHeader(msgspec.Struct):
    inputs: Annotated[list[_LooseInput], Meta(max_length=_MAX_TENSORS)]
    id: Annotated[str, Meta(max_length=1024)] = ""
    parameters: _Parameters | None = None
    outputs: Annotated[list[_Output], Meta(max_length=_MAX_TENSORS)] | None = None


_decode_header: Final = msgspec.json.Decoder(_Header).decode


def decode_infer(body: Buffer, header_length: bytes | None, max_json_bytes: int) -> InferRequest:
    """Decode a body whose JSON part is ``header_length`` long (None: all of it is JSON).

    Raises MalformedRequest or Forbidden with the place of the fault. Element counts and byte sizes
    agree with the shapes afterwards, but for the insides of BYTES tensors.
    """
    view = memoryview(body)
    json_bytes = len(view) if header_length is None else _header_length(header_length, len(view))
    if json_bytes > max_json_bytes:
        message = (
            f"JSON of {json_bytes} bytes exceeds {max_json_bytes} bytes: "
            "send large tensors in the binary form"
        )
        raise TooLarge(message)
    header = _parse_header(view[:json_bytes])
    if not header.inputs:
        message = "request has no inputs"
        raise MalformedRequest(message, violations=[Violation("inputs", "min_items", 1, 0)])
    inputs, position = [], json_bytes
    for one in header.inputs:
        tensor, position = _decode_input(one, view, position)
        inputs.append(tensor)
    if position != len(view):
        message = f"{len(view) - position} bytes follow the last binary tensor"
        raise MalformedRequest(message)
    parameters = header.parameters or {}
    binary_default = take_flag(parameters, "binary_data_output", "parameters")
    parameters = checked_parameters(parameters)
    outputs = [_decode_output(output) for output in header.outputs or ()]
    return InferRequest(inputs, outputs, parameters, header.id, binary_default)


def decode_raw(body: Buffer, contract: Contract) -> InferRequest:
    """Decode a body that is one tensor's bytes (``Inference-Header-Content-Length: 0``)."""
    if len(contract.inputs) != 1:
        message = (
            f"a raw binary request needs a model with one input; '{contract.model}' "
            f"has {len(contract.inputs)}"
        )
        raise MalformedRequest(message)
    (spec,) = contract.inputs.values()
    if spec.datatype == BYTES:
        shape = deduce_shape(contract, spec.dims, 1, f"inputs.{spec.name}")
        data: Buffer = pack_bytes([bytes(body)])
    else:
        count, rest = divmod(len(body), expected_bytes(spec.datatype, 1))
        if rest:
            message = f"inputs.{spec.name}: {len(body)} bytes are no whole {spec.datatype} elements"
            raise MalformedRequest(message)
        shape = deduce_shape(contract, spec.dims, count, f"inputs.{spec.name}")
        data = body
    tensor = Tensor(spec.name, spec.datatype, shape, data)
    return InferRequest([tensor], binary_default=True)


def deduce_shape(contract: Contract, dims: tuple[int, ...], count: int, path: str) -> list[int]:
    """Deduce a shape from the number of elements, as Triton does for raw and generate requests.

    The one dimension of any size takes what the fixed ones leave; with none, the batch takes it.
    """
    free = dims.count(ANY_SIZE)
    fixed = element_count([dim for dim in dims if dim != ANY_SIZE])
    if free > 1 or (fixed and count % fixed) or not fixed:
        message = f"{path}: cannot deduce a shape like {list(dims)} from {count} elements"
        raise MalformedRequest(message)
    rest = count // fixed
    shape = [rest if dim == ANY_SIZE else dim for dim in dims]
    if not contract.max_batch_size:
        if not free and rest != 1:
            message = f"{path}: expected {fixed} elements, got {count}"
            raise MalformedRequest(message)
        return shape
    return [1 if free else rest, *shape]


def _header_length(text: bytes, total: int) -> int:
    if not text.isdigit() or len(text) > _MAX_LENGTH_DIGITS or int(text) > total:
        message = "Inference-Header-Content-Length is not a number of bytes within the body"
        violation = Violation(
            "headers.inference-header-content-length",
            "range",
            f"0..{total}",
            text[:32].decode("latin-1"),
        )
        raise MalformedRequest(message, violations=[violation])
    return int(text)


def _parse_header(raw: memoryview) -> _Header | _LooseHeader:
    try:
        return _decode_header(raw)
    except msgspec.ValidationError as error:
        raise MalformedRequest(_readable(error)) from error
    except RecursionError as error:
        message = "JSON is nested too deeply"
        raise MalformedRequest(message) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        header = parse_with_special_numbers(bytes(raw), _LooseHeader)
        if header is not None:
            return header
        raise MalformedRequest(_readable(error)) from error


def parse_with_special_numbers(text: bytes, into: type[T]) -> T | None:
    """Parse JSON that says NaN or Infinity; None where it says neither.

    JSON proper has no word for them; Triton and its clients write them all the same.
    """
    if b"NaN" not in text and b"Infinity" not in text:
        return None
    try:
        document = json.loads(text)
        json.dumps(document, ensure_ascii=False).encode()  # no half of a surrogate pair gets by
        return msgspec.convert(document, into)
    except msgspec.ValidationError as error:
        raise MalformedRequest(_readable(error)) from error
    except (ValueError, RecursionError) as error:
        message = "JSON is malformed"
        raise MalformedRequest(message) from error


def _readable(error: Exception) -> str:
    return f"invalid request: {error}".replace("`$.", "`").replace("`$`", "the top level")


def _decode_input(one: _Input | _LooseInput, view: memoryview, position: int) -> tuple[Tensor, int]:
    path = f"inputs.{one.name}"
    if one.datatype not in DATATYPES:
        violation = Violation(f"{path}.datatype", "datatype", sorted(DATATYPES), one.datatype)
        message = f"{path}.datatype: '{one.datatype}' is not a datatype"
        raise MalformedRequest(message, violations=[violation])
    count = _bounded_count(one.shape, path)
    size = one.parameters.get("binary_data_size") if one.parameters else None
    if one.parameters and "shared_memory_region" in one.parameters:
        message = f"{path}: shared memory is not open through Seawall"
        raise Forbidden(message)
    if size is not None:
        if one.data:
            message = f"{path}: has both 'data' and 'binary_data_size'"
            raise MalformedRequest(message)
        end = _check_binary_size(one, size, count, path, position, len(view))
        return Tensor(one.name, one.datatype, one.shape, view[position:end]), end
    if isinstance(one, _Input):
        if not len(one.data):
            message = f"{path}: has neither 'data' nor 'binary_data_size'"
            raise MalformedRequest(message)
        data, got = pack_json(memoryview(one.data), one.datatype, f"{path}.data")
    else:
        data, got = pack_values(one.data or [], one.datatype, f"{path}.data")
    if got != count:
        raise _count_mismatch(path, one.shape, count, got)
    return Tensor(one.name, one.datatype, one.shape, data), position


def _check_binary_size(
    one: _Input | _LooseInput, size: Parameter, count: int, path: str, position: int, total: int
) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        message = f"{path}.parameters.binary_data_size: expected a number of bytes, got {size!r}"
        raise MalformedRequest(message)
    if position + size > total:
        message = (
            f"{path}: binary_data_size is {size} bytes, but only {total - position} are in the body"
        )
        raise MalformedRequest(message)
    if one.datatype != BYTES and size != expected_bytes(one.datatype, count):
        message = (
            f"{path}: shape {one.shape} of {one.datatype} needs "
            f"{expected_bytes(one.datatype, count)} bytes, got {size}"
        )
        limit = expected_bytes(one.datatype, count)
        raise MalformedRequest(message, violations=[Violation(path, "byte_size", limit, size)])
    return position + size


def _bounded_count(shape: list[int], path: str) -> int:
    if len(shape) > MAX_RANK:
        message = f"{path}.shape: has {len(shape)} dimensions, at most {MAX_RANK} are allowed"
        violation = Violation(f"{path}.shape", "max_rank", MAX_RANK, len(shape))
        raise MalformedRequest(message, violations=[violation])
    if element_count([dim or 1 for dim in shape]) > MAX_ELEMENTS:
        message = f"{path}.shape: the dimensions multiply to more than {MAX_ELEMENTS} elements"
        violation = Violation(f"{path}.shape", "max_elements", MAX_ELEMENTS, str(shape)[:80])
        raise MalformedRequest(message, violations=[violation])
    return element_count(shape)


def _count_mismatch(path: str, shape: list[int], count: int, got: int) -> MalformedRequest:
    message = f"{path}: shape {shape} needs {count} elements, got {got}"
    violation = Violation(f"{path}.data", "element_count", count, got)
    return MalformedRequest(message, violations=[violation])


def _decode_output(one: _Output) -> RequestedOutput:
    if not one.parameters:
        return RequestedOutput(one.name)
    if "shared_memory_region" in one.parameters:
        message = f"outputs.{one.name}: shared memory is not open through Seawall"
        raise Forbidden(message)
    classes = one.parameters.get("classification", 0)
    if not isinstance(classes, int) or isinstance(classes, bool) or not 0 <= classes < _MAX_CLASSES:
        got = str(classes)[:32]
        message = f"outputs.{one.name}.classification: expected a number of classes, got {got!r}"
        raise MalformedRequest(message)
    binary = take_flag(one.parameters, "binary_data", f"outputs.{one.name}")
    return RequestedOutput(one.name, binary, classes)
