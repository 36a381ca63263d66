"""Requests on one connection: their order, their answers, their end."""

import asyncio

from tests.http.conftest import PATIENT, Gatekeeper, Start
from tests.support.http_client import get, post
from tests.support.polls import eventually


async def test_a_connection_serves_many_requests(serve: Start) -> None:
    """A connection lives on after an answer."""
    front = await serve()
    client = await front.connect()
    for number in range(3):
        await client.send(post("/echo", b"%d" % number))
        reply = await client.reply()
        assert (reply.status, reply.body) == (200, b"POST /echo %d" % number)
        assert "connection" not in reply.headers


async def test_a_client_that_wants_to_close_is_closed(serve: Start) -> None:
    """Connection: close is answered in kind."""
    front = await serve(linger_s=0.05)
    client = await front.connect()
    await client.send(get("/a", "Connection: close"))
    reply = await client.reply()
    assert reply.headers["connection"] == "close"
    assert await client.rest() == b""


async def test_http_1_0_is_closed_after_its_answer(serve: Start) -> None:
    """A client of HTTP/1.0 waits for the end of the connection."""
    front = await serve(linger_s=0.05)
    client = await front.connect()
    await client.send(b"GET /old HTTP/1.0\r\n\r\n")
    assert (await client.rest()).endswith(b"GET /old ")


async def test_pipelined_answers_keep_the_order(serve: Start) -> None:
    """Answers go out in the order of the requests, and one is computed at a time."""
    gate = Gatekeeper()
    front = await serve(gate)
    client = await front.connect()
    await client.send(get("/1") + get("/2") + get("/3"))
    for path in (b"/3", b"/2"):
        gate.release(path)
    await eventually(lambda: gate.started, "the first request is served")
    assert gate.started == [b"/1"]
    gate.release(b"/1")
    assert [(await client.reply()).body for _ in range(3)] == [b"/1", b"/2", b"/3"]


async def test_many_pipelined_requests_are_all_answered(serve: Start) -> None:
    """Reading pauses while many requests wait, and none of them is lost."""
    front = await serve(max_pipelined=4)
    client = await front.connect()
    sending = asyncio.create_task(client.send(*(get(f"/{n}") * 7 for n in range(100))))
    for number in range(100):
        for _ in range(7):
            assert (await client.reply()).body == b"GET /%d " % number
    await sending


async def test_requests_wait_in_bounded_number(serve: Start) -> None:
    """A client that sends and sends is not read beyond its share."""
    gate = Gatekeeper()
    front = await serve(gate, max_pipelined=4, patience=PATIENT)
    client = await front.connect()
    await client.send(get("/wait"))
    await eventually(lambda: gate.started, "the request is served")
    client.send_unread(get("/next") * 1_000_000)
    (connection,) = front.server._connections
    await eventually(lambda: connection._reading_paused, "reading is paused")
    assert len(connection._pending) < 20_000


async def test_a_client_that_left_frees_its_work(serve: Start) -> None:
    """When the client resets the connection, the handler's work for it is cancelled."""
    gate = Gatekeeper()
    front = await serve(gate)
    client = await front.connect()
    await client.send(get("/gone") + get("/never"))
    await eventually(lambda: gate.started, "the request is served")
    client.abort()
    await eventually(lambda: gate.cancelled, "the work is cancelled")
    assert gate.started == [b"/gone"]
    assert not front.server._connections


async def test_a_half_closed_client_gets_its_answers_then_the_end(serve: Start) -> None:
    """Who ends its half after asking still gets every answer, and is not kept waiting after."""
    gate = Gatekeeper()
    front = await serve(gate, linger_s=0.05)
    client = await front.connect()
    await client.send(get("/1") + get("/2"))
    client.end_sending()
    await eventually(lambda: gate.started, "the request is served")
    gate.release(b"/1")
    gate.release(b"/2")
    assert [(await client.reply()).body for _ in range(2)] == [b"/1", b"/2"]
    assert await client.rest() == b""


async def test_a_client_that_only_closes_is_closed(serve: Start) -> None:
    """A connection on which nothing was asked ends with the client."""
    front = await serve()
    client = await front.connect()
    client.end_sending()
    assert await client.rest() == b""


async def test_head_has_the_headers_of_get_and_no_body(serve: Start) -> None:
    """A body after the answer to HEAD would be read as the next answer."""
    front = await serve()
    client = await front.connect()
    await client.send(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n" + get("/b"))
    reply = await client.reply(with_body=False)
    assert (reply.status, reply.headers["content-length"]) == (200, str(len("HEAD /a ")))
    assert (await client.reply()).body == b"GET /b "


async def test_a_client_that_waits_for_leave_gets_it(serve: Start) -> None:
    """Expect: 100-continue is answered before the body, and the body is then served."""
    front = await serve()
    client = await front.connect()
    request = post("/big", b"body", "Expect: 100-continue")
    await client.send(request[:-4])
    assert await client.interim() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"body")
    assert (await client.reply()).body == b"POST /big body"


async def test_leave_to_continue_never_overtakes_an_answer(serve: Start) -> None:
    """While an earlier request waits for its answer, no interim reply can be taken for it."""
    gate = Gatekeeper()
    front = await serve(gate)
    client = await front.connect()
    await client.send(get("/1") + post("/2", b"body", "Expect: 100-continue")[:-4])
    await eventually(lambda: gate.started, "the request is served")
    gate.release(b"/1")
    gate.release(b"/2")
    assert (await client.reply()).body == b"/1"
    await client.send(b"body")
    assert (await client.reply()).body == b"/2"
