"""A tensor's elements between their JSON form and their raw bytes."""

import json
import math
import struct
from types import GenericAlias
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import orjson
from msgspec import Meta

from control.core.datatypes import BYTES, ELEMENT_BYTES
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
_NUMPY: Final[dict[str, npt.DTypeLike]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
_LENGTH: Final = struct.Struct("<I")


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


def as_array(data: Buffer, datatype: str) -> npt.NDArray[Any]:
    """View raw bytes as a flat numpy array; BF16 becomes FP32."""
    if datatype == "BF16":
        halves = np.frombuffer(data, np.uint16).astype(np.uint32)
        return (halves << np.uint32(16)).view(np.float32)
    return np.frombuffer(data, _NUMPY[datatype])


def unpack_bytes(data: Buffer) -> list[memoryview]:
    """Split a BYTES tensor, whose length prefixes are known to be right, into its elements."""
    view, elements, position = memoryview(data), [], 0
    while position < len(view):
        (length,) = _LENGTH.unpack_from(view, position)
        position += 4 + length
        elements.append(view[position - length : position])
    return elements


def pack_bytes(elements: list[bytes]) -> bytes:
    """Join elements to a BYTES tensor."""
    return b"".join([part for one in elements for part in (_LENGTH.pack(len(one)), one)])


def walk_bytes(data: Buffer, position: int, steps: int) -> tuple[int, int]:
    """Follow up to ``steps`` length prefixes from ``position``; give new position and steps done.

    The position is -1 where a prefix points past the end. Callers walk a long tensor in slices, so
    that no single call holds the event loop.
    """
    end = len(data)
    unpack = _LENGTH.unpack_from
    done = 0
    while done < steps and position < end:
        if position + 4 > end:
            return -1, done
        position += 4 + unpack(data, position)[0]
        done += 1
    return (position if position <= end else -1), done


def expected_bytes(datatype: str, count: int) -> int:
    """Bytes of ``count`` elements of a fixed-size datatype."""
    return ELEMENT_BYTES[datatype] * count


def _pack(values: list[Any], datatype: str, path: str) -> bytes:
    if datatype == BYTES:
        return pack_bytes([value.encode() for value in values])
    if datatype == "BF16":
        bits = np.array(values, np.float32).view(np.uint32) >> np.uint32(16)
        return bits.astype(np.uint16).tobytes()
    try:
        return np.array(values, _NUMPY[datatype]).tobytes()
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
