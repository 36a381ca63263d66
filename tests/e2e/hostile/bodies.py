"""Hostile bodies: nested, broken, oversized, or larger than they look."""

import gzip
import json
import random
import zlib
from collections.abc import Iterator

from tests.e2e.hostile.making import GENERATE, GOOD, INFER, MIB, Hostile
from tests.support.http_client import head, post


def nesting() -> Iterator[Hostile]:
    tensor = b'{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":%b}]}'
    for depth in (17, 1000, 40_000, 300_000):
        deep = b"[" * depth + b"1" + b"]" * depth
        yield Hostile(f"data nested {depth}", [post(INFER, tensor % deep)])
        yield Hostile(f"generate nested {depth}", [post(GENERATE, b'{"TEXT":%b}' % deep)])
        yield Hostile(f"open brackets {depth}", [post(INFER, b"[" * depth)])
        yield Hostile(f"open braces {depth}", [post(INFER, b'{"a":' * depth)])
        yield Hostile(f"open, not a number {depth}", [post(INFER, b'{"a":[NaN,' * depth)])
        unread = b'{"unknown":%b,"inputs":[{"name":"INPUT0"}]}' % deep
        yield Hostile(f"unread nested {depth}", [post(INFER, unread)])
        nested = b'{"parameters":{"a":%b},"inputs":[]}' % deep
        yield Hostile(f"parameters nested {depth}", [post(INFER, nested)])
        header = tensor % deep
        length = f"Inference-Header-Content-Length: {len(header)}"
        yield Hostile(f"binary header nested {depth}", [post(INFER, header, length)])


def bodies() -> Iterator[Hostile]:
    noise = random.Random(0).randbytes(4096)
    for name, body in {
        "empty": b"",
        "blanks": b" " * MIB,
        "noise": noise,
        "NULs": b"\0" * 4096,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + GOOD,
        "no UTF-8": GOOD.replace(b"INPUT0", b"\xff\xfe"),
        "overlong UTF-8": GOOD.replace(b"INPUT0", b"\xc0\xaf"),
        "lone surrogate": GOOD.replace(b"INPUT0", rb"\ud800"),
        "number of a megabyte": GOOD.replace(b"1.0", b"1" * MIB),
        "fraction of a megabyte": GOOD.replace(b"1.0", b"1e" + b"1" * MIB),
        "name of a megabyte": GOOD.replace(b"INPUT0", b"N" * MIB),
        "escapes of a megabyte": GOOD.replace(b"INPUT0", rb"\u0041" * (MIB // 6)),
        "followed by more": GOOD + b"{}",
        "JSON of 20 MB": GOOD[:-2] + b',"x":"' + b"x" * 20 * MIB + b'"}]}',
        "duplicate inputs": json.dumps({"inputs": json.loads(GOOD)["inputs"] * 2}).encode(),
        "10 000 inputs": json.dumps({"inputs": json.loads(GOOD)["inputs"] * 10_000}).encode(),
        "10 000 unknown inputs": json.dumps(
            {"inputs": [{**json.loads(GOOD)["inputs"][0], "name": f"N{n}"} for n in range(10_000)]}
        ).encode(),
        "duplicate outputs": GOOD[:-1] + b',"outputs":[{"name":"OUTPUT0"},{"name":"OUTPUT0"}]}',
        "100 000 outputs": GOOD[:-1]
        + b',"outputs":['
        + b",".join([b'{"name":"OUTPUT0"}'] * 100_000)
        + b"]}",
        "number past FP64": GOOD.replace(b"1.0", b"1e400"),
        "number past FP32": GOOD.replace(b"1.0", b"1e39"),
    }.items():
        yield Hostile(f"body: {name}", [post(INFER, body)])
    yield Hostile("body of 65 MB", [head("POST", INFER, f"Content-Length: {65 * MIB}")], (413,))
    endless = head("POST", INFER, "Content-Length: 10000000000000")
    yield Hostile("body of 10 TB", [endless, b"x" * 1024], (413,))
    million = b"[" + b"0," * 999_999 + b"0]"
    yield Hostile("a million elements for one", [post(INFER, GOOD.replace(b"[1.0]", million))])


def compression() -> Iterator[Hostile]:
    def blanks(machine: "zlib._Compress") -> bytes:
        parts = [machine.compress(b" " * MIB) for _ in range(1024)]
        return b"".join([*parts, machine.flush()])

    bomb = blanks(zlib.compressobj(9, wbits=31))
    yield Hostile("gzip bomb of 1 GiB", [post(INFER, bomb, "Content-Encoding: gzip")], (413,))
    other = blanks(zlib.compressobj(9))
    yield Hostile(
        "deflate bomb of 1 GiB", [post(INFER, other, "Content-Encoding: deflate")], (413,)
    )
    twice = gzip.compress(bomb)
    yield Hostile("gzip bomb in a gzip", [post(INFER, twice, "Content-Encoding: gzip")])
    yield Hostile("two encodings", [post(INFER, twice, "Content-Encoding: gzip, gzip")])
    yield Hostile("unknown encoding", [post(INFER, GOOD, "Content-Encoding: br")], (415,))
    yield Hostile("no gzip", [post(INFER, GOOD, "Content-Encoding: gzip")])
    yield Hostile("no deflate", [post(INFER, GOOD, "Content-Encoding: deflate")])
    yield Hostile("gzip cut off", [post(INFER, gzip.compress(GOOD)[:-9], "Content-Encoding: gzip")])
    broken = bytearray(gzip.compress(GOOD))
    broken[-6] ^= 0xFF
    yield Hostile(
        "gzip with a wrong checksum", [post(INFER, bytes(broken), "Content-Encoding: gzip")]
    )
    many = gzip.compress(b"") * 50_000 + gzip.compress(GOOD)
    yield Hostile("50 000 gzips in a row", [post(INFER, many, "Content-Encoding: gzip")])
