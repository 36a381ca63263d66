"""All connections together: how many, how long, and how they end."""

import asyncio

from control.core.reading import ReadPatience
from control.http.messages import Reply, Request
from tests.http.conftest import Gatekeeper, Start
from tests.support.http_client import get, post
from tests.support.polls import eventually


async def test_connections_beyond_the_limit_are_closed_and_the_others_served(serve: Start) -> None:
    """One client too many does not cost the others anything."""
    front = await serve(max_connections=2)
    first, second = await front.connect(), await front.connect()
    for client in (first, second):
        await client.send(get("/a"))
        assert (await client.reply()).status == 200
    third = await front.connect()
    assert await third.rest() == b""
    await first.send(get("/b"))
    assert (await first.reply()).body == b"GET /b "
    await second.close()
    await eventually(lambda: len(front.server._connections) == 1, "a place is free")
    fourth = await front.connect()
    await fourth.send(get("/c"))
    assert (await fourth.reply()).body == b"GET /c "


async def test_an_idle_connection_is_closed_after_its_time(serve: Start) -> None:
    """A connection that says nothing does not keep its place for ever."""
    front = await serve(idle_timeout_s=0.05)
    client = await front.connect()
    assert await client.rest() == b""


async def test_a_crowd_of_slow_senders_is_given_less_time(serve: Start) -> None:
    """Many unfinished requests shrink the patience with each: the crowd goes, good clients stay."""
    patience = ReadPatience(stall_timeout_s=600.0, crowded_stall_timeout_s=0.1, calm=2, crowded=4)
    front = await serve(patience=patience, linger_s=0.05)
    crowd = [await front.connect() for _ in range(6)]
    for client in crowd:
        await client.send(post("/slow", b"12345")[:-1])
    good = await front.connect()
    await good.send(get("/good"))
    assert (await good.reply()).status == 200
    await eventually(lambda: len(front.refusals) >= 2, "the crowd is thinned out")
    assert {one.code for one in front.refusals} == {"request_timeout"}


async def test_two_slow_senders_are_no_crowd(serve: Start) -> None:
    """A few slow clients keep the whole patience."""
    patience = ReadPatience(stall_timeout_s=600.0, crowded_stall_timeout_s=0.1, calm=2, crowded=4)
    front = await serve(patience=patience)
    slow = [await front.connect() for _ in range(2)]
    for client in slow:
        await client.send(post("/slow", b"12345")[:-1])
    for _ in range(4):
        await asyncio.sleep(0.1)
    for client in slow:
        await client.send(b"5")
        assert (await client.reply()).body == b"POST /slow 12345"


async def test_draining_lets_requests_finish(serve: Start) -> None:
    """Who is being served or is sending a request at the end gets its answer; nobody new is."""
    gate = Gatekeeper()
    front = await serve(gate, linger_s=0.05)
    served, sending, idle = [await front.connect() for _ in range(3)]
    await served.send(get("/served"))
    await sending.send(post("/sent", b"12345")[:-1])
    await eventually(lambda: gate.started, "a request is served")
    await eventually(lambda: any(c.reading for c in front.server._connections), "one is read")
    draining = asyncio.create_task(front.server.drain(30.0))
    assert await idle.rest() == b""
    gate.release(b"/served")
    gate.release(b"/sent")
    reply = await served.reply()
    assert (reply.body, reply.headers["connection"]) == (b"/served", "close")
    await sending.send(b"5")
    assert (await sending.reply()).body == b"/sent"
    await draining
    assert not front.server._connections


async def test_draining_ends_in_time(serve: Start) -> None:
    """A request that never ends does not hold up the end."""
    gate = Gatekeeper()
    front = await serve(gate)
    client = await front.connect()
    await client.send(get("/never"))
    await eventually(lambda: gate.started, "the request is served")
    await front.server.drain(0.05)
    assert await client.rest() == b""
    await eventually(lambda: gate.cancelled, "its work is cancelled")


async def test_nothing_is_left_of_closed_connections(serve: Start) -> None:
    """Connections that come and go leave nothing behind, whatever state they were in."""
    gate = Gatekeeper()
    front = await serve(gate, linger_s=0.01)
    for sent in (b"", b"GET", get("/x"), get("/x") * 3, b"bad\r\n\r\n", post("/x", b"1" * 99)[:-1]):
        client = await front.connect()
        await client.send(sent)
        client.abort()
    await eventually(lambda: not front.server._connections, "all connections are forgotten")


async def test_the_peer_is_known_to_the_handler(serve: Start) -> None:
    """A request tells where it came from."""

    async def handle(request: Request) -> Reply:
        return Reply(200, [request.peer.encode()])

    front = await serve(handle)
    client = await front.connect()
    await client.send(get("/"))
    assert (await client.reply()).body == b"127.0.0.1"
