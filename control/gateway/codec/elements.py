"""A tensor's elements between their JSON form and their raw bytes."""

import json
import math
from types import GenericAlias
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
from msgspec import Meta

from control.core.datatypes import BYTES
from control.core.elements import NUMPY, as_array, pack_bytes, unpack_bytes
from control.core.tensors import MAX_RANK, Buffer
from control.errors import MalformedRequest

#: From here on a number rounds to infinity: halfway between the largest finite one and the next.
_FP16_LIMIT: Final = math.nextafter(65520.0, 0.0)
_FP32_LIMIT: Final = math.nextafter(2.0**128 - 2.0**103, 0.0)

_ELEMENT_TYPES: Final[dict[str, Any]] = {
    "BOOL": bool,
    "UINT8": Annotated[int, Meta(ge=0, le=2**8 - 1)],
    "UINT16": Annotated[int, Meta(ge=0, le=2**16 - 1)],
    "UINT32": Annotated[int, Meta(ge=0, le=2**32 - 1)],
    "UINT64": Annotated[int, Meta(ge=0)],
    "INT8": Annotated[int, Meta(ge=-(2**7), le=2**7 - 1)],
    "INT16": Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)],
    "INT32": Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    "INT64": int,
    "FP16": Annotated[float, Meta(ge=-_FP16_LIMIT, le=_FP16_LIMIT)],
    "BF16": Annotated[float, Meta(ge=-_FP32_LIMIT, le=_FP32_LIMIT)],
    "FP32": Annotated[float, Meta(ge=-_FP32_LIMIT, le=_FP32_LIMIT)],
    "FP64": float,
    BYTES: str,
}
#: ``list[element]`` spelt for run time, where the element is a variable
_LIST_TYPES: Final = {
    datatype: GenericAlias(list, (element,)) for datatype, element in _ELEMENT_TYPES.items()
}
_DECODERS: Final[dict[str, msgspec.json.Decoder[list[Any]]]] = {
    datatype: msgspec.json.Decoder(list_type) for datatype, list_type in _LIST_TYPES.items()
}


def pack_json(raw: bytes | memoryview, datatype: str, path: str) -> tuple[bytes, int]:
    """Turn a JSON array into raw bytes and its number of elements.

    Nested arrays are taken row by row, as Triton takes them. Raises MalformedRequest that names
    ``path`` and what is wrong with which element.
    """
    try:
        values: list[Any] = _DECODERS[datatype].decode(raw)
    except msgspec.ValidationError as error:
        values = _flatten(_decode_any(raw, path), path)
        return pack_values(values, datatype, path, complaint=error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(path, error) from error
    return _pack(values, datatype, path), len(values)


def pack_values(
    values: list[Any], datatype: str, path: str, complaint: Exception | None = None
) -> tuple[bytes, int]:
    """Turn decoded JSON values (nested or not) into raw bytes and their number.

    Not-a-number and infinities pass here: they come from a client that wrote them in so many words.
    """
    flat = _flatten(values, path)
    special = [v for v in flat if isinstance(v, float) and v - v != 0.0]
    checked = (
        [0.0 if isinstance(v, float) and v - v != 0.0 else v for v in flat] if special else flat
    )
    try:
        converted = msgspec.convert(checked, _LIST_TYPES[datatype])
    except msgspec.ValidationError as error:
        raise _malformed(path, complaint or error) from error
    if special:
        converted = [v if isinstance(v, float) and v - v != 0.0 else c
                     for v, c in zip(flat, converted, strict=True)]  # fmt: skip
    return _pack(converted, datatype, path), len(converted)


def unpack_json(data: Buffer, datatype: str) -> orjson.Fragment | npt.NDArray[Any] | list[str]:
    """Turn raw bytes into what orjson writes as a flat array; raises UnicodeDecodeError for BYTES.

    Not-a-number and infinities are written as the bare words that Triton writes, since ``null``
    would silently turn an infinity into something else at the client.
    """
    if datatype == BYTES:
        return [str(element, "utf-8") for element in unpack_bytes(data)]
    array = as_array(data, datatype)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return orjson.Fragment(json.dumps(array.tolist()))
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _pack(values: list[Any], datatype: str, path: str) -> bytes:
    if datatype == BYTES:
        return pack_bytes([value.encode() for value in values])
    if datatype == "BF16":
        bits = np.array(values, np.float32).view(np.uint32) >> np.uint32(16)
        return bits.astype(np.uint16).tobytes()
    try:
        return np.array(values, NUMPY[datatype]).tobytes()
    except OverflowError as error:
        message = f"{path}: a number does not fit {datatype}"
        raise MalformedRequest(message) from error


def _decode_any(raw: bytes | memoryview, path: str) -> list[Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(path, error) from error
    return value if isinstance(value, list) else [value]


def _flatten(values: list[Any], path: str) -> list[Any]:
    for _ in range(MAX_RANK):
        if not any(isinstance(value, list) for value in values):
            return values
        flat: list[Any] = []
        for value in values:
            if isinstance(value, list):
                flat.extend(value)
            else:
                flat.append(value)
        values = flat
    message = f"{path}: arrays are nested deeper than {MAX_RANK} levels"
    raise MalformedRequest(message)


def _malformed(path: str, error: Exception) -> MalformedRequest:
    if isinstance(error, RecursionError):
        return MalformedRequest(f"{path}: arrays are nested too deeply")
    text = str(error).replace(" - at `$", f" - at `{path}").removesuffix(f" - at `{path}`")
    return MalformedRequest(f"{path}: {text}")
