"""Requests that look hostile and are not."""

import json

import pytest

from tests.e2e.hostile.making import CHUNKED, GOOD, INFER, MIB
from tests.support.http_client import connected, post

pytestmark = pytest.mark.triton

PARAMETERS = json.dumps({f"p{number}": number for number in range(1000)})
KEYS = json.dumps(dict.fromkeys(map(str, range(100_000))))

HARMLESS = {
    "blank lines before": b"\r\n\r\n" + post(INFER, GOOD),
    "two blanks in the request line": post(INFER, GOOD).replace(b"POST /", b"POST  /"),
    "an offer of HTTP/2": post(
        INFER,
        GOOD,
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
    ),
    "an offer of a websocket": post(INFER, GOOD, "Connection: Upgrade", "Upgrade: websocket"),
    "bytes beyond ASCII in a header": post(INFER, GOOD, "X-Name: Gr\xfc\xdfe"),
    "ninety headers": post(INFER, GOOD, *(f"X-{number}: a" for number in range(90))),
    "headers that look like others": post(INFER, GOOD, "Content_Length: 5", "X-Content-Length: 5"),
    "a request id of another's": post(INFER, GOOD, "X-Request-Id: \xff", "X-Request-Id: b"),
    "hop-by-hop headers": post(
        INFER, GOOD, "Connection: keep-alive, content-length", "TE: trailers"
    ),
    "a path in a header": post(
        INFER, GOOD, "X-Original-URL: /v2/logging", "X-Forwarded-Host: evil"
    ),
    "chunks with extensions": CHUNKED + b'%x;a="b"\r\n%b\r\n0;c\r\n\r\n' % (len(GOOD), GOOD),
    "chunks with trailers": CHUNKED + b"%x\r\n%b\r\n0\r\nX: a\r\nY: b\r\n\r\n" % (len(GOOD), GOOD),
    "a target that names another server": post(f"http://127.0.0.1:1{INFER}", GOOD),
    "a query of 50 kB": post(f"{INFER}?{'a' * 50_000}", GOOD),
    "a megabyte of blanks": post(INFER, GOOD + b" " * MIB),
    "a megabyte of unread text": post(INFER, GOOD[:-1] + b',"x":"' + b"y" * MIB + b'"}'),
    "a hundred thousand unread keys": post(INFER, GOOD[:-1] + f',"x":{KEYS}}}'.encode()),
    "a thousand parameters": post(INFER, GOOD[:-1] + f',"parameters":{PARAMETERS}}}'.encode()),
    "every header of compression": post(INFER, GOOD, "Accept-Encoding: " + "gzip;q=0.1," * 1000),
}


@pytest.mark.parametrize("request_bytes", HARMLESS.values(), ids=HARMLESS)
async def test_odd_requests_that_are_none_the_less_good(guarded, request_bytes):
    """What is merely odd is answered, and the connection lives on."""
    async with connected(guarded.address) as client:
        for _ in range(2):
            client.send_unread(request_bytes)
            reply = await client.reply()
            assert reply.status == 200
            assert reply.document["outputs"][0]["data"] == [1.0]
