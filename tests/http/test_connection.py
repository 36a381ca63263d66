"""Requests on one connection: their order, their answers, their end."""

import asyncio

import pytest

from control.core.reading import ReadPatience
from control.http.messages import Reply, Request
from tests.http.conftest import Start
from tests.support.http_client import get, post
from tests.support.polls import eventually

BIG = b"x" * 4_000_000
IMPATIENT = ReadPatience(stall_timeout_s=0.2, crowded_stall_timeout_s=0.1)
#: No test ends by luck: patience that never runs out while a test runs.
PATIENT = ReadPatience(stall_timeout_s=600.0)


class Gatekeeper:
    """A handler that answers a path only once the test has let it through."""

    def __init__(self) -> None:
        self.started: list[bytes] = []
        self.cancelled: list[bytes] = []
        self._gates: dict[bytes, asyncio.Event] = {}

    def release(self, path: bytes) -> None:
        """Let a request through, also one that has not come yet."""
        self._gates.setdefault(path, asyncio.Event()).set()

    async def __call__(self, request: Request) -> Reply:
        """Wait for leave, then answer with the path."""
        self.started.append(request.path)
        try:
            await self._gates.setdefault(request.path, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(request.path)
            raise
        return Reply(200, [request.path])


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


async def test_a_body_that_is_too_large_is_refused_before_it_comes(serve: Start) -> None:
    """A client that waits for leave hears 413 instead and sends nothing."""
    front = await serve(max_body_bytes=1024, linger_s=0.05)
    client = await front.connect()
    await client.send(post("/big", b"x" * 2000, "Expect: 100-continue")[:-2000])
    assert (await client.reply()).status == 413
    assert await client.rest() == b""


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed_request"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "malformed_request",
        ),
        (get("/", *(f"h{n}: 1" for n in range(200))), 431, "too_large"),
        (get("/" + "x" * 100_000), 431, "too_large"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413, "too_large"),
    ],
)
async def test_a_refusal_is_an_error_document_and_the_end(
    serve: Start, sent: bytes, status: int, code: str
) -> None:
    """What is no request is answered in the one form of errors; then the connection ends."""
    front = await serve(linger_s=0.05)
    client = await front.connect()
    await client.send(sent)
    reply = await client.reply()
    assert reply.status == status
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["connection"] == "close"
    document = reply.document
    assert document["code"] == code
    assert document["error"]
    assert document["request_id"] == reply.headers["x-request-id"] != ""
    assert await client.rest() == b""
    assert [one.code for one in front.refusals] == [code]


async def test_a_refusal_reaches_a_client_that_goes_on_sending(serve: Start) -> None:
    """The refusal is not lost to a reset while the client is busy sending its body."""
    front = await serve(max_body_bytes=1024, linger_s=5.0)
    client = await front.connect()
    client.send_unread(post("/", BIG))
    assert (await client.reply()).status == 413


async def test_good_answers_go_out_before_a_refusal(serve: Start) -> None:
    """A broken request does not cost the good one before it its answer."""
    gate = Gatekeeper()
    front = await serve(gate, linger_s=0.05)
    client = await front.connect()
    await client.send(get("/good") + b"nonsense\r\n\r\n" + get("/never"))
    await eventually(lambda: gate.started, "the good request is served")
    gate.release(b"/good")
    assert (await client.reply()).body == b"/good"
    assert (await client.reply()).status == 400
    assert await client.rest() == b""
    assert gate.started == [b"/good"]


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


async def test_a_handler_that_fails_still_answers(serve: Start) -> None:
    """A fault of our own is a 500 and the end of the connection, never silence."""

    async def fail(_request: Request) -> Reply:
        message = "a secret"
        raise RuntimeError(message)

    front = await serve(fail)
    client = await front.connect()
    await client.send(post("/x", b"body"))
    reply = await client.reply()
    assert (reply.status, reply.document["code"]) == (500, "internal_error")
    assert b"secret" not in reply.body
    assert await client.rest() == b""
    assert front.server.budget.held_bytes == 0
