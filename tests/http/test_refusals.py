"""Requests that get an error for an answer, and what becomes of their connection."""

import pytest

from control.http.messages import Reply, Request
from tests.http.conftest import BIG, Gatekeeper, Start
from tests.support.http_client import get, post
from tests.support.polls import eventually


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
