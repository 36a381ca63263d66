"""Hostile targets and request lines, and other protocols."""

import random
from collections.abc import Iterator

from tests.e2e.hostile.making import GOOD, Hostile
from tests.support.http_client import post


def targets() -> Iterator[Hostile]:
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
        yield Hostile(f"target {ascii(target)[1:48]}", [post(target, GOOD)])


def request_lines() -> Iterator[Hostile]:
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


def other_protocols() -> Iterator[Hostile]:
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
