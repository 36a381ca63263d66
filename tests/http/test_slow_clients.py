"""Clients that are slow, and waits that are not their fault."""

import asyncio

from control.core.reading import ReadPatience
from control.http.messages import Reply, Request
from tests.http.conftest import BIG, IMPATIENT, PATIENT, Gatekeeper, Start
from tests.support.http_client import get, post
from tests.support.polls import eventually


async def test_our_own_pause_is_not_the_clients_fault(serve: Start) -> None:
    """A half-sent request is not too slow while it is we who do not read."""
    gate = Gatekeeper()
    front = await serve(gate, max_pipelined=2, patience=IMPATIENT, linger_s=0.05)
    client = await front.connect()
    await client.send(get("/1") + get("/2") + get("/2") + get("/2") + b"GET /2 HTT")
    (connection,) = front.server._connections
    await eventually(lambda: connection._reading_paused, "reading is paused")
    for _ in range(4):  # sweeps that would refuse it
        await asyncio.sleep(0.1)
    gate.release(b"/1")
    gate.release(b"/2")
    for _ in range(4):
        assert (await client.reply()).status == 200
    await client.send(b"P/1.1\r\n\r\n")
    assert (await client.reply()).body == b"/2"


async def test_a_client_that_does_not_read_gets_no_more_work_done(serve: Start) -> None:
    """Answers that are not read do not pile up in memory: the next waits until they are."""
    served = 0

    async def handle(_request: Request) -> Reply:
        nonlocal served
        served += 1
        return Reply(200, [BIG])

    front = await serve(handle, patience=PATIENT)
    client = await front.connect(receive_buffer=4096)
    await client.send(get("/") * 12)
    (connection,) = front.server._connections
    await eventually(lambda: connection._write_blocked_s, "the answer is stuck")
    for _ in range(50):
        await asyncio.sleep(0)
    assert served <= 3  # the kernel may have taken one or two
    for _ in range(12):
        assert (await client.reply()).body == BIG
    assert served == 12


async def test_a_client_that_never_reads_is_cut_off(serve: Start) -> None:
    """A connection whose answer nobody takes is aborted after the write timeout."""

    async def handle(_request: Request) -> Reply:
        return Reply(200, [BIG * 4])

    front = await serve(handle, write_timeout_s=0.1)
    client = await front.connect(receive_buffer=4096)
    await client.send(get("/"))
    await eventually(lambda: not front.server._connections, "the connection is gone")


async def test_a_body_that_stops_coming_is_given_up(serve: Start) -> None:
    """A request that stalls is answered with 408."""
    front = await serve(patience=IMPATIENT, linger_s=0.05)
    client = await front.connect()
    await client.send(post("/slow", b"x" * 100)[:-50])
    reply = await client.reply()
    assert (reply.status, reply.document["code"]) == (408, "request_timeout")
    assert [one.code for one in front.refusals] == ["request_timeout"]


async def test_a_large_body_that_stops_coming_is_given_up(serve: Start) -> None:
    """A stall is seen while a body is read straight into its own memory, too."""
    front = await serve(patience=IMPATIENT, linger_s=0.05)
    client = await front.connect()
    await client.send(post("/slow", BIG)[:100_000])
    assert (await client.reply()).status == 408


async def test_a_head_that_stops_coming_is_given_up(serve: Start) -> None:
    """A stalled head is as bad as a stalled body."""
    front = await serve(patience=IMPATIENT, linger_s=0.05)
    client = await front.connect()
    await client.send(b"GET / HTTP/1.1\r\nHost:")
    assert (await client.reply()).status == 408


async def test_drops_of_bytes_do_not_buy_time_for_ever(serve: Start) -> None:
    """A sender that is never silent, but far too slow, is given up."""
    patience = ReadPatience(stall_timeout_s=0.3, min_bytes_per_s=1e6)
    front = await serve(patience=patience, linger_s=5.0)
    client = await front.connect()
    await client.send(post("/slow", b"x" * 2000)[:-2000])

    async def drip() -> None:
        while True:
            await client.send(b"x")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    assert (await client.reply()).status == 408
    dripping.cancel()


async def test_an_idle_connection_is_not_slow(serve: Start) -> None:
    """Between requests a connection may rest longer than a request may stall."""
    front = await serve(patience=IMPATIENT)
    client = await front.connect()
    await client.send(get("/1"))
    await client.reply()
    for _ in range(4):
        await asyncio.sleep(0.1)
    await client.send(get("/2"))
    assert (await client.reply()).body == b"GET /2 "


async def test_a_slow_handler_is_not_a_slow_client(serve: Start) -> None:
    """The time that we take for an answer is never the client's."""
    gate = Gatekeeper()
    front = await serve(gate, patience=IMPATIENT, idle_timeout_s=0.1)
    client = await front.connect()
    await client.send(get("/slow"))
    for _ in range(4):
        await asyncio.sleep(0.1)
    gate.release(b"/slow")
    assert (await client.reply()).body == b"/slow"
