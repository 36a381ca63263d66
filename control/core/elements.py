"""A tensor's elements as they lie in its raw bytes: little-endian, BYTES length-prefixed."""

import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from control.core.datatypes import ELEMENT_BYTES
from control.core.tensors import Buffer

NUMPY: Final[dict[str, npt.DTypeLike]] = {
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
#: What stands before each text.
LENGTH: Final = struct.Struct("<I")


def as_array(data: Buffer, datatype: str) -> npt.NDArray[Any]:
    """View raw bytes as a flat numpy array; BF16 becomes FP32."""
    if datatype == "BF16":
        halves = np.frombuffer(data, np.uint16).astype(np.uint32)
        return (halves << np.uint32(16)).view(np.float32)
    return np.frombuffer(data, NUMPY[datatype])


def unpack_bytes(data: Buffer) -> list[memoryview]:
    """Split a BYTES tensor, whose length prefixes are known to be right, into its elements."""
    view, elements, position = memoryview(data), [], 0
    while position < len(view):
        (length,) = LENGTH.unpack_from(view, position)
        position += 4 + length
        elements.append(view[position - length : position])
    return elements


def pack_bytes(elements: list[bytes]) -> bytes:
    """Join elements to a BYTES tensor."""
    return b"".join([part for one in elements for part in (LENGTH.pack(len(one)), one)])


def walk_bytes(data: Buffer, position: int, steps: int) -> tuple[int, int]:
    """Follow up to ``steps`` length prefixes from ``position``; give new position and steps done.

    The position is -1 where a prefix points past the end. Callers walk a long tensor in slices, so
    that no single call holds the event loop.
    """
    end = len(data)
    unpack = LENGTH.unpack_from
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
