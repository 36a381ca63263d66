"""Clients that are too slow, read nothing, or go away."""

import asyncio
import http.client

import pytest

from tests.e2e.hostile.guarded import assert_refused, is_answered
from tests.e2e.hostile.making import CHUNKED, GOOD, INFER
from tests.support.clients import infer_body
from tests.support.exchange import exchange
from tests.support.http_client import RawClient, connected, head, post
from tests.support.stack import wait_until

pytestmark = pytest.mark.triton

BODY_TO_COME = head("POST", INFER, "Content-Length: 1000")

STALLED = {
    "the request line": b"POST /v2",
    "the head": b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: x\r\nX: ",
    "before the body": BODY_TO_COME,
    "within the body": BODY_TO_COME + b"[" * 500,
    "within a large body": head("POST", INFER, "Content-Length: 50000000") + b"[" * 100_000,
    "before the first chunk": CHUNKED,
    "within a chunk": CHUNKED + b"400\r\nxxxx",
    "within a chunk of 16 exabytes": CHUNKED + b"ffffffffffffffff\r\nxxxx",
    "before the last chunk": CHUNKED + b"4\r\nxxxx\r\n",
    "within the trailers": CHUNKED + b"4\r\nxxxx\r\n0\r\nX: a",
    "after a whole request": b"".join([post(INFER, GOOD), b"POST /v2"]),
}


async def test_clients_that_stall_are_given_up(guarded):
    """Wherever a request stops, it is answered with 408 in the end; others are served meanwhile."""

    async def stall(request: bytes) -> int:
        async with connected(guarded.address) as client:
            client.send_unread(request)
            reply = await client.reply()
            if request.startswith(post(INFER, GOOD)):
                assert reply.status == 200
                reply = await client.reply()
            assert_refused(reply)
            return reply.status

    stalled = asyncio.gather(*(stall(one) for one in STALLED.values()))
    while not stalled.done():
        assert await is_answered(guarded)
        await asyncio.wait([stalled], timeout=0.2)
    assert set(await stalled) == {408}


async def test_clients_that_send_in_drops_are_given_up(guarded):
    """A byte now and then does not keep a request alive for ever."""

    async def drip(start: bytes, drop: bytes) -> int:
        async with connected(guarded.address) as client:
            client.send_unread(start)
            answering = asyncio.ensure_future(client.reply())
            while not (await asyncio.wait([answering], timeout=0.2))[0]:
                client.send_unread(drop)
            assert_refused(await answering)
            return (await answering).status

    statuses = await asyncio.gather(
        drip(b"POST /v2", b"x"),
        drip(b"POST /v2 HTTP/1.1\r\n", b"X: a\r\n"),
        drip(BODY_TO_COME, b" "),
        drip(CHUNKED, b"1\r\nx\r\n"),
    )
    assert set(statuses) == {408}


async def test_five_hundred_half_open_uploads(guarded):
    """In a crowd of stalled clients patience is short: all get 408, and the good are served."""
    clients = await asyncio.gather(*(RawClient.open(guarded.address) for _ in range(500)))
    try:
        for client in clients:
            client.send_unread(BODY_TO_COME + b"x" * 500)
        replies = asyncio.gather(*(client.reply() for client in clients))
        async with asyncio.timeout(5):  # half of what each would get alone
            while not replies.done():
                assert await is_answered(guarded)
                await asyncio.wait([replies], timeout=0.05)
        assert {reply.status for reply in await replies} == {408}
        assert_refused((await replies)[0])
    finally:
        for client in clients:
            client.abort()


@pytest.mark.parametrize("request_bytes", STALLED.values(), ids=STALLED)
async def test_clients_that_end_their_half_early(guarded, request_bytes):
    """A request that cannot become whole any more is dropped; one that was whole is answered."""
    async with connected(guarded.address) as client:
        client.send_unread(request_bytes)
        client.end_sending()
        got = await client.rest()
    whole = request_bytes.startswith(post(INFER, GOOD))
    assert got.startswith(b"HTTP/1.1 200" if whole else b"HTTP/1.1 4") or not (got or whole)


async def test_clients_that_vanish(guarded):
    """Connections reset in the head, the body or the answer leave nothing behind."""
    large = infer_body([0.5] * 200_000)
    requests = (b"POST /v2", BODY_TO_COME + b"x", post(INFER, GOOD), post(INFER, large))
    for number in range(100):
        for request in requests:
            client = await RawClient.open(guarded.address)
            client.send_unread(request[: len(request) - number])
            if number % 2:
                await asyncio.wait([asyncio.ensure_future(client.rest())], timeout=0.001)
            client.abort()
    assert await is_answered(guarded)
    wait_until(
        lambda: guarded.stack.metric("seawall_in_flight_requests") == 0, "nothing is in flight"
    )


async def test_clients_that_never_read_their_answer(guarded):
    """They wait alone: their answers are held back, everybody else's are not."""
    large = post(INFER, infer_body([0.5] * 500_000), "Accept-Encoding: identity")
    clients = [await RawClient.open(guarded.address, receive_buffer=4096) for _ in range(8)]
    try:
        for client in clients:
            client.send_unread(large)
        for _ in range(20):
            assert await is_answered(guarded)
    finally:
        for client in clients:
            client.abort()


def test_connections_that_say_nothing(guarded):
    """Idle connections cost nobody anything."""
    idle = [http.client.HTTPConnection(guarded.address, timeout=20) for _ in range(400)]
    try:
        for one in idle:
            one.connect()
        for _ in range(20):
            assert exchange(guarded.address, "POST", INFER, GOOD).status == 200
        for one in idle:
            one.request("POST", INFER, GOOD)
        for one in idle:
            answer = one.getresponse()
            assert answer.status == 200
            answer.read()
    finally:
        for one in idle:
            one.close()
