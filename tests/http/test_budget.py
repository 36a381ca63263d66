"""Bodies of all connections together have a limit, and every byte is given back."""

import asyncio
import weakref

import numpy as np

from control.http.messages import Reply, Request
from tests.http.conftest import Start
from tests.support.polls import eventually

HALF = 40_000


def upload(size: int) -> bytes:
    """The head of a request with a body of ``size`` bytes."""
    return b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % size


async def test_a_body_beyond_the_budget_is_refused_and_another_goes_on(serve: Start) -> None:
    """The sender whose bytes do not fit any more gets 503; what was held before is served."""
    front = await serve(max_held_body_bytes=100_000)
    first, second = await front.connect(), await front.connect()
    await first.send(upload(2 * HALF), b"a" * HALF)
    await eventually(lambda: front.server.budget.held_bytes == HALF, "the first half is held")
    await second.send(upload(3 * HALF), b"b" * 2 * HALF)
    reply = await second.reply()
    assert reply.status == 503
    assert reply.document["code"] == "overloaded"
    assert reply.headers["retry-after"] == "1"
    await first.send(b"a" * HALF)
    assert (await first.reply()).body.endswith(b"a" * 2 * HALF)


async def test_an_announced_body_takes_nothing_until_it_comes(serve: Start) -> None:
    """Half-open uploads that promise much and send nothing cannot use the budget up."""
    front = await serve(max_held_body_bytes=100_000)
    for _ in range(5):
        await (await front.connect()).send(upload(90_000))
    honest = await front.connect()
    await honest.send(upload(HALF), b"c" * HALF)
    assert (await honest.reply()).status == 200


async def test_everything_is_given_back(serve: Start) -> None:
    """After answers, broken uploads, refusals and clients that left, nothing is held."""
    release = asyncio.Event()

    async def handle(request: Request) -> Reply:
        await release.wait()
        return Reply(200, [request.body])

    front = await serve(handle, max_held_body_bytes=1_000_000, max_body_bytes=200_000)
    budget = front.server.budget
    answered, left, broken, refused = [await front.connect() for _ in range(4)]
    await answered.send(upload(HALF), b"a" * HALF, upload(10), b"b" * 10)
    await left.send(upload(HALF), b"a" * HALF)
    await broken.send(upload(2 * HALF), b"a" * HALF)
    chunk = b"%x\r\n%b\r\n" % (HALF, b"a" * HALF)
    await refused.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, b"zz\r\n")
    assert (await refused.reply()).status == 400
    await eventually(lambda: budget.held_bytes == 3 * HALF + 10, "all of it is held")
    left.abort()
    broken.abort()
    await eventually(lambda: budget.held_bytes == HALF + 10, "the leavers' bytes are given back")
    release.set()
    await answered.reply()
    await answered.reply()
    assert budget.held_bytes == 0


async def test_an_idle_connection_keeps_nothing_of_its_last_request(serve: Start) -> None:
    """Thousands of idle clients must not hold the bodies that they have sent."""
    bodies: list[weakref.ref[np.ndarray]] = []

    async def handle(request: Request) -> Reply:
        assert isinstance(request.body, memoryview)
        bodies.append(weakref.ref(request.body.obj))
        return Reply(200, [b"ok"])

    front = await serve(handle)
    client = await front.connect()
    await client.send(upload(10 * HALF), b"a" * 10 * HALF)
    assert (await client.reply()).status == 200
    await eventually(lambda: bodies[0]() is None, "the body is gone while its connection lives")
