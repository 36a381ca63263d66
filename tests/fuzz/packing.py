"""Values and the raw bytes that they are in a tensor, by the standard library alone."""

import struct
from typing import Any

from tests.fuzz.draft import prefixed

_CODES = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b",
    "INT16": "h", "INT32": "i", "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip


def packed(datatype: str, values: list[Any]) -> bytes:
    """The raw bytes of some values."""
    if datatype == "BYTES":
        return prefixed(*(one.encode() if isinstance(one, str) else one for one in values))
    if datatype == "BF16":
        return b"".join(struct.pack("<f", one)[2:] for one in values)
    return struct.pack(f"<{len(values)}{_CODES[datatype]}", *values)


def unpacked(datatype: str, data: bytes) -> list[Any]:
    """The values of some raw bytes; those of texts as bytes."""
    if datatype == "BYTES":
        return _unprefixed(data)
    if datatype == "BF16":
        return [struct.unpack("<f", b"\0\0" + data[i : i + 2])[0] for i in range(0, len(data), 2)]
    code = f"<{_CODES[datatype]}"
    return [value for (value,) in struct.iter_unpack(code, data)]


def _unprefixed(data: bytes) -> list[bytes]:
    elements, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        elements.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    return elements
