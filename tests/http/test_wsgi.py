"""Whole requests through a WSGI application, and the form of replies."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from control.core.violations import Violation
from control.errors import ContractViolated, ControlError, Overloaded
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply
from control.http.wsgi import WsgiApp, WsgiLane
from tests.http.conftest import BIG, Start
from tests.support.answers import Answer
from tests.support.http_client import get, head, post

Respond = Callable[..., Any]


async def answer_of(serve: Start, app: WsgiApp, *sent: bytes) -> Answer:
    """What a client of the application gets."""
    front = await serve(WsgiLane(app, threads=1).handle)
    client = await front.connect()
    await client.send(*sent)
    return await client.reply()


async def environ_of(serve: Start, *sent: bytes) -> dict[str, Any]:
    """What an application sees of a request."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], respond: Respond) -> list[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        respond("204 No Content", [])
        return []

    assert (await answer_of(serve, app, *sent)).status == 204
    return seen


async def test_the_environ_is_pep_3333s(serve: Start) -> None:
    """An application finds method, path, query, length, type, peer and body where it looks."""
    seen = await environ_of(
        serve,
        post("/v2/models/a%20b?a=1&b=%20", b"body", "Content-Type: text/x", "X-Token: t"),
    )
    assert seen["REQUEST_METHOD"] == "POST"
    assert seen["PATH_INFO"] == "/v2/models/a b"
    assert seen["QUERY_STRING"] == "a=1&b=%20"
    assert seen["CONTENT_TYPE"] == "text/x"
    assert seen["CONTENT_LENGTH"] == "4"
    assert seen["HTTP_X_TOKEN"] == "t"
    assert seen["HTTP_HOST"] == "seawall"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["body"] == b"body"


async def test_headers_with_underscores_are_dropped(serve: Start) -> None:
    """X_Token must not pass for X-Token: whoever strips one would let the other through."""
    seen = await environ_of(
        serve, get("/", "X-Token: real", "X_Token: forged", "Authorization_: x")
    )
    assert seen["HTTP_X_TOKEN"] == "real"
    assert not any(name.startswith("HTTP_AUTHORIZATION") for name in seen)


async def test_framing_headers_are_not_forwarded(serve: Start) -> None:
    """The body is whole: how it came is no business of the application."""
    chunks = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    seen = await environ_of(serve, head("POST", "/", "Transfer-Encoding: chunked") + chunks)
    assert "HTTP_TRANSFER_ENCODING" not in seen
    assert "HTTP_CONTENT_LENGTH" not in seen
    assert seen["CONTENT_LENGTH"] == "3"


async def test_a_large_body_reads_as_any_other(serve: Start) -> None:
    """It comes as a view of its own memory, and the application reads bytes all the same."""
    request = post("/", BIG)
    assert (await environ_of(serve, request[:1000], request[1000:]))["body"] == BIG


async def test_an_answer_keeps_its_status_headers_and_parts(serve: Start) -> None:
    """Only the headers that the connection writes itself are taken out."""

    def app(_environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        respond(
            "418 I'm a teapot",
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", "99"),
                ("Connection", "close"),
                ("Transfer-Encoding", "chunked"),
                ("X-A", "1"),
                ("X-A", "2"),
            ],
        )
        return [b"short", b"", b" and stout"]

    headers = {"content-type": "text/plain; charset=utf-8", "content-length": "15", "x-a": "1, 2"}
    expected = Answer(418, headers, b"short and stout")
    assert await answer_of(serve, app, get("/")) == expected


async def test_the_result_is_closed_even_when_it_breaks(serve: Start) -> None:
    """An application's result is closed as PEP 3333 asks, and its failure is still answered."""

    class Result:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            message = "broke"
            raise OSError(message)

        def close(self) -> None:
            Result.closed = True

    def app(_environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        respond("200 OK", [])
        return Result()

    assert (await answer_of(serve, app, get("/"))).status == 500
    assert Result.closed


async def test_an_application_that_fails_is_answered_for(serve: Start) -> None:
    """Whatever an application raises, its client gets an error document without the details."""

    def app(_environ: dict[str, Any], _respond: Respond) -> Iterable[bytes]:
        message = "secret path /etc/x"
        raise ValueError(message)

    answer = await answer_of(serve, app, get("/"))
    assert (answer.status, answer.document["code"]) == (500, "internal_error")
    assert b"secret" not in answer.body


async def test_the_write_callable_is_refused(serve: Start) -> None:
    """An application that would write instead of returning fails loudly in its tests."""

    def app(_environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        respond("200 OK", [])(b"data")
        return []

    assert (await answer_of(serve, app, get("/"))).status == 500


@pytest.mark.parametrize(("status", "line"), [(200, b"200 OK"), (431, b"431 "), (599, b"599 ")])
def test_a_head_tells_the_exact_length(status: int, line: bytes) -> None:
    """The length in the head is that of all parts, at any status, known or not."""
    head = Reply(status, [b"ab", memoryview(b"cde")], headers=[(b"X-A", b"1")]).head(
        keep_alive=True
    )
    assert head.startswith(b"HTTP/1.1 " + line)
    assert b"\r\nContent-Length: 5\r\n" in head
    assert b"\r\nX-A: 1\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    assert b"Connection" not in head


def test_an_error_document_has_one_form() -> None:
    """Sentence, code, id, violations with their limits, and when to try again."""
    violation = Violation("inputs.A.shape", "shape", [-1, 3], [1, 4])
    reply = error_reply(ContractViolated("no", violations=[violation], retry_after_s=3), "id-1")
    assert json.loads(bytes(reply.body[0])) == {
        "error": "no",
        "code": "contract_violation",
        "request_id": "id-1",
        "violations": [
            {"path": "inputs.A.shape", "rule": "shape", "limit": [-1, 3], "got": [1, 4]}
        ],
    }
    assert dict(reply.headers) == {b"x-request-id": b"id-1", b"Retry-After": b"3"}
    assert reply.status == 422


def test_every_error_names_a_status_and_a_code() -> None:
    """No two classes that clients meet share a code with another status."""
    seen: dict[str, int] = {}
    queue: list[type[ControlError]] = [ControlError]
    while queue:
        one = queue.pop()
        queue += one.__subclasses__()
        assert seen.setdefault(one.code, one.status) == one.status
    assert seen["overloaded"] == Overloaded("x").http_status == 503


def test_text_that_is_no_unicode_is_still_answered() -> None:
    """A message with a lone surrogate, echoed from a client, does not break its error document."""
    reply = error_reply(ControlError("bad \ud800 name"), "id")
    assert b"bad ? name" in bytes(reply.body[0])


def test_request_ids_differ() -> None:
    """Ids that we make are not guessable from each other, nor ever the same."""
    assert len({new_request_id() for _ in range(100)}) == 100
