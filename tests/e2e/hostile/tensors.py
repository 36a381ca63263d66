"""Hostile shapes, sizes and length prefixes."""

import struct
from collections.abc import Iterator

from tests.e2e.hostile.making import INFER, Hostile, binary, prefixed, row, texts
from tests.support.http_client import post


def shapes() -> Iterator[Hostile]:
    for shape in (
        [4, 3_000_000_000],
        [1, 1_000_000_000],
        [1, 20_000_000_000],
        [1, 2**62],
        [1, 2**63 - 1],
        [1, 2**63],
        [1, 2**64],
        [1, 10**30],
        [1, -1],
        [2**32, 2**32],
        [2**16] * 4,
        [1, 0, 2**62],
        [1, 2**62, 0],
        [0, 2**62],
        [1] * 17,
        [2] * 100_000,
        [1.0, 1],
        [1e300, 1],
        ["1", 1],
        [None],
        [[1, 1]],
        [True, True],
    ):
        yield Hostile(f"json shape {str(shape)[:40]}", [post(INFER, row(shape=shape))])
        yield Hostile(f"json shape, no data {str(shape)[:40]}", [post(INFER, row([], shape))])
        yield Hostile(f"binary shape {str(shape)[:40]}", [binary(b"\0\0\0\0", shape)])
        yield Hostile(f"binary shape, no data {str(shape)[:40]}", [binary(b"", shape)])
    yield Hostile("binary wraps to 4 bytes", [binary(b"\0\0\0\0", [1, 2**62 + 1])])
    yield Hostile(
        "json INT64 for FP32", [post(INFER, row([1], [1, 40_000_000_000], datatype="INT64"))]
    )
    for size in (-1, 3, 5, 8, 2**31, 2**63, 2**64, 10**30, 1.5, "4", True, None, [], {}):
        given = "null" if size is None else size
        yield Hostile(f"binary size {given}", [binary(b"\0\0\0\0", [1, 1], given)])
    yield Hostile("binary, bytes left over", [binary(b"\0" * 9, [1, 1], 4)])
    yield Hostile("binary and data", [binary(b"\0\0\0\0", [1, 1], data=[1.0])])


def text_tensors() -> Iterator[Hostile]:
    for name, data, shape in (
        ("prefix past the end", struct.pack("<I", 5) + b"abcd", [1, 1]),
        ("greatest prefix", struct.pack("<I", 2**32 - 1) + b"abcd", [1, 1]),
        ("half a prefix", b"\1\0", [1, 1]),
        ("no bytes", b"", [1, 1]),
        ("too few elements", prefixed(b"a"), [1, 2]),
        ("too many elements", prefixed(b"a", b"b", b"c"), [1, 2]),
        ("elements for none", prefixed(b"a"), [1, 0]),
        ("a million empty ones for two", prefixed(b"") * 1_000_000, [1, 2]),
        ("left over", prefixed(b"a") + b"x", [1, 1]),
    ):
        yield Hostile(f"BYTES: {name}", [texts(data, shape)])
