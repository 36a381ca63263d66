"""HTTP as load generators, proxies and hand-written clients speak it."""

import asyncio
import gzip
import json
import struct
import zlib
from contextlib import AsyncExitStack

import pytest

from tests.support.exchange import exchange
from tests.support.http_client import connected, head, post

pytestmark = pytest.mark.triton

INFER = "/v2/models/identity/infer"
JSON = (
    b'{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1.5,2.5]}],'
    b'"outputs":[{"name":"OUTPUT0"}]}'
)
HEADER = (
    b'{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],'
    b'"parameters":{"binary_data_size":8}}],'
    b'"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}}]}'
)
DATA = struct.pack("<2f", 1.5, 2.5)
BINARY = HEADER + DATA
LENGTH = f"Inference-Header-Content-Length: {len(HEADER)}"
EXPECTED = [{"name": "OUTPUT0", "datatype": "FP32", "shape": [1, 2], "data": [1.5, 2.5]}]


@pytest.fixture
async def client(address):
    """A connection to a target."""
    async with connected(address) as opened:
        yield opened


def chunked(path, *chunks: bytes, headers=()):
    """A POST without a length, in chunks."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks)
    return head("POST", path, *headers, "Transfer-Encoding: chunked") + body + b"0\r\n\r\n"


def values(reply):
    """The values of a reply in either form."""
    assert reply.status == 200
    length = reply.headers.get("inference-header-content-length")
    if length is None:
        return reply.document["outputs"][0]["data"]
    (shape,) = [one["shape"] for one in json.loads(reply.body[: int(length)])["outputs"]]
    return list(struct.unpack(f"<{shape[0] * shape[1]}f", reply.body[int(length) :]))


async def test_a_hundred_requests_on_one_connection(client):
    """Connections are kept, JSON and binary requests mixed on them, as perf_analyzer does."""
    for _ in range(50):
        await client.send(post(INFER, JSON))
        assert (await client.reply()).document["outputs"] == EXPECTED
        await client.send(post(INFER, BINARY, LENGTH))
        assert values(await client.reply()) == [1.5, 2.5]


async def test_binary_answers_tell_where_the_data_begin(client):
    """The header's length and the media type are those of Triton's protocol."""
    await client.send(post(INFER, BINARY, LENGTH))
    reply = await client.reply()
    length = int(reply.headers["inference-header-content-length"])
    assert reply.headers["content-type"] == "application/octet-stream"
    assert json.loads(reply.body[:length])["outputs"] == [
        {
            "name": "OUTPUT0",
            "datatype": "FP32",
            "shape": [1, 2],
            "parameters": {"binary_data_size": 8},
        }
    ]
    assert reply.body[length:] == DATA


@pytest.mark.parametrize("case", [str.lower, str.upper])
async def test_header_names_have_no_case(client, case):
    """They may come in small or capital letters."""
    await client.send(post(INFER, BINARY, case(LENGTH)))
    assert values(await client.reply()) == [1.5, 2.5]


async def test_bytes_may_come_one_by_one(guard):
    """How a request is cut into segments means nothing (Triton then finds some paths not)."""
    async with connected(guard) as client:
        await client.send(*(bytes([one]) for one in post(INFER, BINARY, LENGTH)))
        assert values(await client.reply()) == [1.5, 2.5]


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_chunked_bodies(client, size):
    """A body may come in chunks, and the connection lives on after it."""
    for body, headers in ((JSON, []), (BINARY, [LENGTH])):
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        await client.send(chunked(INFER, *chunks, headers=headers))
        assert values(await client.reply()) == [1.5, 2.5]


async def test_a_client_that_expects_leave_to_send_its_body(client):
    """``Expect: 100-continue`` is answered before the body comes, as curl wants it."""
    request = post(INFER, JSON, "Expect: 100-continue")
    await client.send(request[: -len(JSON)])
    assert (await client.interim()).startswith(b"HTTP/1.1 100")
    await client.send(JSON)
    assert values(await client.reply()) == [1.5, 2.5]


async def test_a_client_that_expects_leave_but_does_not_wait(client):
    """It may send the body at once."""
    await client.send(post(INFER, JSON, "Expect: 100-continue"))
    reply = await client.reply()
    if reply.status == 100:
        reply = await client.reply()
    assert values(reply) == [1.5, 2.5]


async def test_pipelined_requests(client):
    """Requests sent ahead are answered in their order."""
    bodies = [JSON.replace(b"1.5", b"%d.5" % number) for number in range(20)]
    await client.send(b"".join(post(INFER, body) for body in bodies))
    got = [values(await client.reply())[0] for _ in bodies]
    assert got == [number + 0.5 for number in range(20)]


async def test_http_1_0(client):
    """An old client gets its answer and the end of the connection."""
    start = f"POST {INFER} HTTP/1.0\r\nContent-Length: {len(JSON)}\r\n\r\n"
    await client.send(start.encode() + JSON)
    assert values(await client.reply()) == [1.5, 2.5]
    assert await client.rest() == b""


async def test_http_1_0_with_keep_alive(client):
    """It may ask for the connection to be kept."""
    start = (
        f"POST {INFER} HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: {len(JSON)}\r\n\r\n"
    )
    for _ in range(2):
        await client.send(start.encode() + JSON)
        assert values(await client.reply()) == [1.5, 2.5]


async def test_connection_close(client):
    """A client that asks for the end gets its answer first."""
    await client.send(post(INFER, JSON, "Connection: close"))
    assert values(await client.reply()) == [1.5, 2.5]
    assert await client.rest() == b""


async def test_many_connections(address):
    """Two hundred connections are served side by side."""
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(connected(address)) for _ in range(200)]
        for client in clients:
            await client.send(post(INFER, JSON))
        replies = await asyncio.gather(*(client.reply() for client in clients))
    assert [values(one) for one in replies] == [[1.5, 2.5]] * 200


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "x"])
def test_the_media_type_of_a_request_means_nothing(address, content_type):
    """The default type of curl does not hurt."""
    answer = exchange(address, "POST", INFER, JSON, {"Content-Type": content_type})
    assert answer.document["outputs"] == EXPECTED


@pytest.mark.parametrize("query", ["?", "?a=1", "?a=1&b=%20#x"])
async def test_a_query_means_nothing(client, query):
    """A query string is let be."""
    await client.send(post(INFER + query.partition("#")[0], JSON))
    assert values(await client.reply()) == [1.5, 2.5]


def test_a_raw_request_is_one_tensor(address):
    """With a header length of 0 the whole body is the model's only input."""
    answer = exchange(address, "POST", INFER, DATA, {"Inference-Header-Content-Length": "0"})
    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.body[:length])["outputs"][0]["shape"] == [1, 2]
    assert answer.body[length:] == DATA


def test_a_raw_request_may_be_compressed(address):
    """Likewise after decompression."""
    headers = {"Inference-Header-Content-Length": "0", "Content-Encoding": "gzip"}
    answer = exchange(address, "POST", INFER, gzip.compress(DATA), headers)
    assert answer.body.endswith(DATA)


@pytest.mark.parametrize(
    ("path", "data"), [("text", b"abcd"), ("every_type", DATA), ("identity", b"abc")]
)
def test_a_raw_request_that_fits_no_input_is_refused(address, path, data):
    """It needs a model of one input, and whole elements."""
    headers = {"Inference-Header-Content-Length": "0"}
    assert exchange(address, "POST", f"/v2/models/{path}/infer", data, headers).status == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_answers_say_so(address, encoding):
    """A large answer is compressed for a client that takes it, and is the same then."""
    sent = [0.5] * 2000
    body = json.dumps(
        {"inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 2000], "data": sent}]}
    ).encode()
    answer = exchange(address, "POST", INFER, body, {"Accept-Encoding": encoding})
    assert answer.headers["content-encoding"] == encoding
    undo = gzip.decompress if encoding == "gzip" else zlib.decompress
    assert json.loads(undo(answer.body))["outputs"][0]["data"] == sent


@pytest.mark.parametrize("accept", ["", "identity", "br", "gzip;q=0", "x;y;z"])
def test_answers_are_plain_for_clients_that_take_no_compression(guard, accept):
    """Nothing is compressed that the client cannot read."""
    body = json.dumps(
        {"inputs": [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 500], "data": [0] * 500}]}
    ).encode()
    answer = exchange(guard, "POST", INFER, body, {"Accept-Encoding": accept})
    assert "content-encoding" not in answer.headers
    assert len(answer.document["outputs"][0]["data"]) == 500
