"""Requests that crash, stall or mislead a bare Triton or its HTTP server, as raw bytes.

Each of ``REFUSED`` must be answered with 4xx. Where a case names statuses, one of those.
"""

import gzip
import json
import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

INFER = "/v2/models/identity/infer"
ECHO = "/v2/models/every_type/infer"
TEXT = "/v2/models/text/infer"
GENERATE = "/v2/models/text/generate"

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request: its bytes in order of sending, and the statuses that may answer it."""

    name: str
    parts: Sequence[bytes]
    statuses: tuple[int, ...] = tuple(range(400, 500))


def post(body: bytes, *headers: str, path: str = INFER) -> bytes:
    """A well-formed POST of a body."""
    lines = "".join(f"{one}\r\n" for one in headers)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode("latin-1") + body


def head(*lines: str, path: str = INFER) -> bytes:
    """The head of a POST with exactly these header lines."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


def row(data: object = (1.0,), shape: object = None, **more: object) -> bytes:
    """A JSON request for the identity model."""
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape or [1, 1], "data": data}
    return json.dumps({"inputs": [{**tensor, **more}]}).encode()


GOOD = row()


def binary(data: bytes, /, shape: object, size: object = None, **more: object) -> bytes:
    """A request with one binary tensor."""
    parameters = {"binary_data_size": len(data) if size is None else size}
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape, "parameters": parameters}
    json_part = json.dumps({"inputs": [{**tensor, **more}]}).encode()
    return post(json_part + data, f"Inference-Header-Content-Length: {len(json_part)}")


def texts(data: bytes, shape: object) -> bytes:
    """A request with one binary BYTES tensor."""
    parameters = {"binary_data_size": len(data)}
    tensor = {"name": "IN_BYTES", "datatype": "BYTES", "shape": shape, "parameters": parameters}
    document = {"inputs": [tensor], "outputs": [{"name": "OUT_BYTES"}]}
    json_part = json.dumps(document).encode()
    length = f"Inference-Header-Content-Length: {len(json_part)}"
    return post(json_part + data, length, path=ECHO)


def prefixed(*elements: bytes) -> bytes:
    """Elements with their length prefixes."""
    return b"".join(struct.pack("<I", len(one)) + one for one in elements)


def _shapes() -> Iterator[Hostile]:
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
        yield Hostile(f"json shape {str(shape)[:40]}", [post(row(shape=shape))])
        yield Hostile(f"json shape, no data {str(shape)[:40]}", [post(row([], shape))])
        yield Hostile(f"binary shape {str(shape)[:40]}", [binary(b"\0\0\0\0", shape)])
        yield Hostile(f"binary shape, no data {str(shape)[:40]}", [binary(b"", shape)])
    yield Hostile("binary wraps to 4 bytes", [binary(b"\0\0\0\0", [1, 2**62 + 1])])
    yield Hostile("json INT64 for FP32", [post(row([1], [1, 40_000_000_000], datatype="INT64"))])
    for size in (-1, 3, 5, 8, 2**31, 2**63, 2**64, 10**30, 1.5, "4", True, None, [], {}):
        given = "null" if size is None else size
        yield Hostile(f"binary size {given}", [binary(b"\0\0\0\0", [1, 1], given)])
    yield Hostile("binary, bytes left over", [binary(b"\0" * 9, [1, 1], 4)])
    yield Hostile("binary and data", [binary(b"\0\0\0\0", [1, 1], data=[1.0])])


def _nesting() -> Iterator[Hostile]:
    tensor = b'{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,1],"data":%b}]}'
    for depth in (17, 1000, 40_000, 300_000):
        deep = b"[" * depth + b"1" + b"]" * depth
        yield Hostile(f"data nested {depth}", [post(tensor % deep)])
        yield Hostile(f"generate nested {depth}", [post(b'{"TEXT":%b}' % deep, path=GENERATE)])
        yield Hostile(f"open brackets {depth}", [post(b"[" * depth)])
        yield Hostile(f"open braces {depth}", [post(b'{"a":' * depth)])
        yield Hostile(f"open, not a number {depth}", [post(b'{"a":[NaN,' * depth)])
        unread = b'{"unknown":%b,"inputs":[{"name":"INPUT0"}]}' % deep
        yield Hostile(f"unread nested {depth}", [post(unread)])
        nested = b'{"parameters":{"a":%b},"inputs":[]}' % deep
        yield Hostile(f"parameters nested {depth}", [post(nested)])
        header = tensor % deep
        length = f"Inference-Header-Content-Length: {len(header)}"
        yield Hostile(f"binary header nested {depth}", [post(header, length)])


def _bodies() -> Iterator[Hostile]:
    noise = random.Random(0).randbytes(4096)
    for name, body in {
        "empty": b"",
        "blanks": b" " * _MIB,
        "noise": noise,
        "NULs": b"\0" * 4096,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + GOOD,
        "no UTF-8": GOOD.replace(b"INPUT0", b"\xff\xfe"),
        "overlong UTF-8": GOOD.replace(b"INPUT0", b"\xc0\xaf"),
        "lone surrogate": GOOD.replace(b"INPUT0", rb"\ud800"),
        "number of a megabyte": GOOD.replace(b"1.0", b"1" * _MIB),
        "fraction of a megabyte": GOOD.replace(b"1.0", b"1e" + b"1" * _MIB),
        "name of a megabyte": GOOD.replace(b"INPUT0", b"N" * _MIB),
        "escapes of a megabyte": GOOD.replace(b"INPUT0", rb"\u0041" * (_MIB // 6)),
        "followed by more": GOOD + b"{}",
        "JSON of 20 MB": GOOD[:-2] + b',"x":"' + b"x" * 20 * _MIB + b'"}]}',
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
        yield Hostile(f"body: {name}", [post(body)])
    yield Hostile("body of 65 MB", [head(f"Content-Length: {65 * _MIB}")], (413,))
    yield Hostile("body of 10 TB", [head("Content-Length: 10000000000000"), b"x" * 1024], (413,))
    million = b"[" + b"0," * 999_999 + b"0]"
    yield Hostile("a million elements for one", [post(GOOD.replace(b"[1.0]", million))])
    parameters = {
        "triton_enable_empty_final_response": True,
        "triton_final_response": True,
        "priority": -1,
        "timeout": "soon",
        "sequence_id": -5,
        "sequence_start": 1,
        "binary_data_output": 1,
        "number": 10**400,
        "nothing": None,
        "list": [],
        "object": {},
    }
    for name, value in parameters.items():
        body = GOOD[:-1] + b',"parameters":' + json.dumps({name: value}).encode() + b"}"
        yield Hostile(f"parameter {name}", [post(body)])
    numbers = {f"p{number}": number for number in range(50_000)}
    many = GOOD[:-1] + f',"parameters":{json.dumps(numbers)}}}'.encode()
    yield Hostile("50 000 parameters", [post(many)])
    generated = json.dumps({"TEXT": "x", **numbers}).encode()
    yield Hostile("50 000 parameters to generate", [post(generated, path=GENERATE)])
    for region in ("a", "", "../../etc/passwd", "triton_python_backend_shm_region_1"):
        given = {"shared_memory_region": region, "shared_memory_byte_size": 8}
        output = json.dumps({"name": "OUTPUT0", "parameters": given}).encode()
        wanted = GOOD[:-1] + b',"outputs":[%b]}' % output
        yield Hostile(f"input in shared memory {region}", [post(row(parameters=given))], (403,))
        yield Hostile(f"output in shared memory {region}", [post(wanted)], (403,))
    yield from _classes()
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


def _classes() -> Iterator[Hostile]:
    def asking(model_input: dict[str, object], output: str, count: object) -> bytes:
        wanted = [{"name": output, "parameters": {"classification": count}}]
        return json.dumps({"inputs": [model_input], "outputs": wanted}).encode()

    text = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": ["x"]}
    empty = {"name": "INPUT0", "datatype": "FP32", "shape": [1, 0], "data": []}
    full = {**empty, "shape": [1, 1], "data": [1.0]}
    flag = {"name": "IN_BOOL", "datatype": "BOOL", "shape": [1, 1], "data": [True]}
    yield Hostile("classes of texts", [post(asking(text, "SEEN", 1), path=TEXT)], (422,))
    yield Hostile("classes of a flag", [post(asking(flag, "OUT_BOOL", 1), path=ECHO)], (422,))
    yield Hostile("classes of nothing", [post(asking(empty, "OUTPUT0", 1))])
    for count in (-1, 2**32, 2**63, 2**64, 10**30, "1", 1.5, True, None, []):
        yield Hostile(f"{count} classes", [post(asking(full, "OUTPUT0", count))])


def _compression() -> Iterator[Hostile]:
    def blanks(machine: "zlib._Compress") -> bytes:
        parts = [machine.compress(b" " * _MIB) for _ in range(1024)]
        return b"".join([*parts, machine.flush()])

    bomb = blanks(zlib.compressobj(9, wbits=31))
    yield Hostile("gzip bomb of 1 GiB", [post(bomb, "Content-Encoding: gzip")], (413,))
    other = blanks(zlib.compressobj(9))
    yield Hostile("deflate bomb of 1 GiB", [post(other, "Content-Encoding: deflate")], (413,))
    twice = gzip.compress(bomb)
    yield Hostile("gzip bomb in a gzip", [post(twice, "Content-Encoding: gzip")])
    yield Hostile("two encodings", [post(twice, "Content-Encoding: gzip, gzip")])
    yield Hostile("unknown encoding", [post(GOOD, "Content-Encoding: br")], (415,))
    yield Hostile("no gzip", [post(GOOD, "Content-Encoding: gzip")])
    yield Hostile("no deflate", [post(GOOD, "Content-Encoding: deflate")])
    yield Hostile("gzip cut off", [post(gzip.compress(GOOD)[:-9], "Content-Encoding: gzip")])
    broken = bytearray(gzip.compress(GOOD))
    broken[-6] ^= 0xFF
    yield Hostile("gzip with a wrong checksum", [post(bytes(broken), "Content-Encoding: gzip")])
    many = gzip.compress(b"") * 50_000 + gzip.compress(GOOD)
    yield Hostile("50 000 gzips in a row", [post(many, "Content-Encoding: gzip")])


def _framing() -> Iterator[Hostile]:
    length = f"Content-Length: {len(GOOD)}"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    chunked = "Transfer-Encoding: chunked"
    for name, lines in {
        "both lengths": [length, chunked],
        "both lengths, other order": [chunked, length],
        "two lengths": [length, "Content-Length: 5"],
        "two lengths, other order": ["Content-Length: 5", length],
        "the same length twice": [length, length],
        "length in a list": [f"{length}, {len(GOOD)}"],
        "negative length": ["Content-Length: -1"],
        "length with a plus": [f"Content-Length: +{len(GOOD)}"],
        "length in hexadecimal": ["Content-Length: 0x10"],
        "length with an exponent": ["Content-Length: 1e3"],
        "length with a fraction": ["Content-Length: 5.0"],
        "length empty": ["Content-Length: "],
        "length past 64 bits": ["Content-Length: 18446744073709551616"],
        "length of 64 bits": ["Content-Length: 18446744073709551615"],
        "length, blank before the colon": [f"Content-Length : {len(GOOD)}"],
        "length folded": ["Content-Length:", f" {len(GOOD)}"],
        "coding identity": ["Transfer-Encoding: identity"],
        "coding gzip, chunked": ["Transfer-Encoding: gzip, chunked"],
        "coding chunked, identity": ["Transfer-Encoding: chunked, identity"],
        "coding xchunked": ["Transfer-Encoding: xchunked"],
        "coding twice": [chunked, chunked],
        "coding quoted": ['Transfer-Encoding: "chunked"'],
        "coding with a tab": ["Transfer-Encoding:\x0bchunked"],
        "coding, blank before the colon": ["Transfer-Encoding : chunked"],
        "folded header": [length, "X: a", " b"],
        "header without a colon": [length, "X"],
        "header without a name": [length, ": a"],
        "header with a NUL": [length, "X: a\0b"],
        "header name with a blank": [length, "X Y: a"],
        "header of 1 MB": [length, "X: " + "x" * _MIB],
        "header name of 1 MB": [length, "x" * _MIB + ": a"],
        "10 000 headers": [length, *(f"X{number}: a" for number in range(10_000))],
        "200 equal headers": [length, *["X: a"] * 200],
    }.items():
        data = chunks if any("hunked" in one for one in lines) else GOOD
        yield Hostile(f"framing: {name}", [head(*lines), data])
    for name, body in {
        "100 000 chunks of a byte": b"1\r\nx\r\n" * 100_000,
        "size past 64 bits": b"fffffffffffffffff\r\n",
        "size negative": b"-5\r\nhello\r\n",
        "size with 0x": b"0x5\r\nhello\r\n",
        "size not hexadecimal": b"zz\r\nhello\r\n",
        "no size": b"\r\nhello\r\n",
        "longer than its size": b"3\r\nhello\r\n0\r\n\r\n",
        "extension of 1 MB": b"5;" + b"x" * _MIB + b"\r\nhello\r\n0\r\n\r\n",
        "10 000 trailers": b"0\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
        "trailer of 1 MB": b"0\r\nX: " + b"x" * _MIB + b"\r\n\r\n",
        "trailer with a length": b"0\r\nContent-Length: 5\r\n\r\n",
        "trailer without a colon": b"0\r\nX\r\n\r\n",
        "70 MB": (b"100000\r\n" + b" " * _MIB + b"\r\n") * 70 + b"0\r\n\r\n",
    }.items():
        yield Hostile(f"chunks: {name}", [head(chunked), body])
    for text in ("-1", "x", "99999", "18446744073709551616", "1e1", "+5", "0x5", "5.0", "5,5", ""):
        yield Hostile(
            f"json length {text or 'empty'}",
            [post(GOOD, f"Inference-Header-Content-Length: {text}")],
        )
    digits = "Inference-Header-Content-Length: " + "9" * 5000
    yield Hostile("json length of 5000 digits", [post(GOOD, digits)])
    two = ["Inference-Header-Content-Length: 5", f"Inference-Header-Content-Length: {len(GOOD)}"]
    yield Hostile("two json lengths", [post(GOOD, *two)])
    yield Hostile("expects the unknown", [post(b"[", "Expect: the-unknown")])


def _targets() -> Iterator[Hostile]:
    for target in (
        "/v2/models/../",
        "/v2/models/../../etc/passwd",
        "/v2/models/%2e%2e/infer",
        "/v2/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd/infer",
        "/v2/models/..%252f..%252f/infer",
        "/v2/models/identity%00/infer",
        "/v2/models/identity%2finfer",
        "/v2%2Fmodels/identity/infer",
        "//v2/models/identity/infer",
        "/v2/models/identity%2f..%2ftext/infer",
        "/v2/models/identity/../text/infer",
        "/v2/models/identity/./infer/..",
        "/v2/models//infer",
        "/v2/models/%20/infer",
        "/v2/models/%/infer",
        "/v2/models/%zz/infer",
        "/v2/models/%ff%fe/infer",
        "/v2/models/identity;a=b/infer",
        "/v2/models/identity\\infer",
        "/v2/models/identity/versions/../infer",
        "/v2/models/identity/versions/-1/infer",
        "/v2/models/identity/versions/0/infer",
        "/v2/models/identity/versions/1.0/infer",
        "/v2/models/identity/versions/\xb2/infer",
        "/v2/models/identity/versions/" + "9" * 5000 + "/infer",
        "/v2/models/" + "m" * 10_000 + "/infer",
        "/v2/models/" + "%2e%2e%2f" * 1000 + "/infer",
        "/v2/models/{{7*7}}/infer",
        "/v2/models/<script>/infer",
        "/v2/models/identity/unload",
        "/v2/repository/models/identity/unload",
        "/v2/repository/models/..%2f..%2fetc/load",
        "/v2/repository/models/identity/load",
        "/v2/logging",
        "/v2/trace/setting",
        "/v2/systemsharedmemory/region/a/register",
        "/v2/cudasharedmemory/region/a/register",
        "/" + "a" * 100_000,
        "/v2?" + "a" * 100_000,
        "*",
        "identity/infer",
        "?",
    ):
        yield Hostile(f"target {ascii(target)[1:48]}", [post(GOOD, path=target)])
    for text in (
        "GET / HTTP/0.9",
        "GET / HTTP/3.0",
        "GET / HTTP/9.9",
        "GET / HTTP/1.1.1",
        "GET / http/1.1",
        "GET / HTTP/",
        "GET /",
        "GET /v2 v3 HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "get /v2 HTTP/1.1",
        "HACK /v2 HTTP/1.1",
        "TRACE /v2 HTTP/1.1",
        "CONNECT localhost:22 HTTP/1.1",
        "PROPFIND /v2 HTTP/1.1",
        "POST /v2/models/identity/load HTTP/1.1",
        " GET /v2 HTTP/1.1",
        "x" * 100_000,
    ):
        line = text.encode() + b"\r\nHost: x\r\n\r\n"
        yield Hostile(f"line {ascii(text)[1:40]}", [line])


def _other_protocols() -> Iterator[Hostile]:
    noise = random.Random(1).randbytes(65_536)
    hello = bytes.fromhex("16030100c5010000c1030300") + noise[:190]
    websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    for name, data in {
        "noise": b"\xff" + noise,
        "TLS hello": hello,
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        "gRPC": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + noise[:64],
        "websocket": f"GET /nowhere HTTP/1.1\r\nHost: x\r\n{websocket}\r\n".encode(),
        "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
        "SOCKS": b"\5\1\0",
        "Redis": b"*1\r\n$4\r\nPING\r\n",
        "SMTP": b"EHLO x\r\n",
        "RDP": b"\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0",
        "line feeds only": b"GET /v2\nHost: x\n\n",
        "NULs": b"\0" * 65_536,
        "an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    }.items():
        yield Hostile(f"protocol: {name}", [data])


REFUSED = [
    *_shapes(),
    *_nesting(),
    *_bodies(),
    *_compression(),
    *_framing(),
    *_targets(),
    *_other_protocols(),
]
