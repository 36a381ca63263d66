"""Reads a request as the protocol says, slowly, to know what an echoing model must give back."""

import gzip
import json
import math
import struct
import zlib
from typing import Any, Final

import numpy as np

from tests.fuzz.draft import HEADER_LENGTH, Request
from tests.fuzz.packing import unpacked
from tests.fuzz.seeds import Values

#: Models that give back what they get, with the name of the output for an input.
_ECHOING: Final = {
    "identity": ("INPUT", "OUTPUT"),
    "ranged": ("INPUT", "OUTPUT"),
    "grid": ("INPUT", "OUTPUT"),
    "every_type": ("IN_", "OUT_"),
    "halves": ("IN_", "OUT_"),
}
_ROUNDED: Final[dict[str, Any]] = {"FP16": np.float16, "FP32": np.float32}


class _Odd(Exception):
    """The request is one that readers may take differently, such as one with a repeated key."""


_UNREADABLE: Final = (
    _Odd, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError, EOFError,
    struct.error, zlib.error,
)  # fmt: skip


def echo_of(model: str, request: Request) -> Values | None:
    """Give the values that a 200 must carry, by output; None where this cannot tell."""
    plain = f"/v2/models/{model}/infer"
    if model not in _ECHOING or request.target != plain or request.method != "POST":
        return None
    try:
        return _read(model, request)
    except _UNREADABLE:
        return None


def differences(expected: Values, got: Values) -> list[str]:
    """Say which outputs hold other values; outputs that were not asked for may be missing."""
    return [
        f"{name} is {got[name]!r:.200}, expected {values!r:.200}"
        for name, values in expected.items()
        if name in got and not _same(got[name], values)
    ]


def _read(model: str, request: Request) -> Values:
    headers = {name.lower(): value for name, value in request.headers}
    if len(headers) != len(request.headers):
        raise _Odd
    body = _decompressed(request.body, headers.get("content-encoding"))
    length = headers.get(HEADER_LENGTH.lower())
    position = len(body) if length is None else int(length)
    if not position:
        raise _Odd
    document = json.loads(body[:position], object_pairs_hook=_without_repeats)
    if any("classification" in one.get("parameters", {}) for one in document.get("outputs") or ()):
        raise _Odd
    before, after = _ECHOING[model]
    values: Values = {}
    for one in document["inputs"]:
        size = (one.get("parameters") or {}).get("binary_data_size")
        name = one["name"].replace(before, after)
        if size is None:
            values[name] = _rounded(_flat(one["data"]), one["datatype"])
        else:
            values[name] = unpacked(one["datatype"], body[position : position + size])
            position += size
    return values


def _decompressed(body: bytes, encoding: str | None) -> bytes:
    match encoding:
        case None:
            return body
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case _:
            raise _Odd


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _Odd
    return dict(pairs)


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    return [element for one in data for element in _flat(one)]


def _rounded(values: list[Any], datatype: str) -> list[Any]:
    if datatype == "BYTES":
        return [one.encode() for one in values]
    if datatype == "BF16":
        raise _Odd
    if kind := _ROUNDED.get(datatype):
        with np.errstate(over="ignore"):
            return [float(kind(one)) for one in values]
    return values


def _same(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(map(_same_value, left, right))


def _same_value(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, int | float) and not isinstance(right, bool):
        return (math.isnan(left) and math.isnan(right)) or bool(
            left == right or np.float32(left) == np.float32(right)
        )
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
