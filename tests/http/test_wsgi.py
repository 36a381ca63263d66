"""Whole requests through a WSGI application."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from control.core.violations import Violation
from control.errors import ContractViolated, ControlError, Overloaded
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request
from control.http.wsgi import WsgiLane

Respond = Callable[..., Any]


def request(path: bytes = b"/", body: bytes = b"", **headers: bytes) -> Request:
    """A request with some headers; ``_`` in their names stands for a dash."""
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request(b"POST", path, b"a=1&b=%20", named, body, "192.0.2.1")


async def environ_of(one: Request) -> dict[str, Any]:
    """What an application sees of a request."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], respond: Respond) -> list[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        respond("204 No Content", [])
        return []

    await WsgiLane(app, threads=1).handle(one)
    return seen


async def test_the_environ_is_pep_3333s() -> None:
    """An application finds method, path, query, length, type, peer and body where it looks."""
    seen = await environ_of(
        request(b"/v2/models/a%20b", b"body", content_type=b"text/x", x_token=b"t", host=b"h:1")
    )
    assert seen["REQUEST_METHOD"] == "POST"
    assert seen["PATH_INFO"] == "/v2/models/a b"
    assert seen["QUERY_STRING"] == "a=1&b=%20"
    assert seen["CONTENT_TYPE"] == "text/x"
    assert seen["CONTENT_LENGTH"] == "4"
    assert seen["HTTP_X_TOKEN"] == "t"
    assert seen["HTTP_HOST"] == "h:1"
    assert seen["REMOTE_ADDR"] == "192.0.2.1"
    assert seen["body"] == b"body"


async def test_headers_with_underscores_are_dropped() -> None:
    """X_Token must not pass for X-Token: whoever strips one would let the other through."""
    one = request(x_token=b"real")
    one.headers = {**one.headers, b"x_token": b"forged", b"authorization_": b"x"}
    seen = await environ_of(one)
    assert seen["HTTP_X_TOKEN"] == "real"
    assert not any(name.startswith("HTTP_AUTHORIZATION") for name in seen)


async def test_framing_headers_are_not_forwarded() -> None:
    """The body is whole: how it came is no business of the application."""
    seen = await environ_of(request(transfer_encoding=b"chunked", content_length=b"99"))
    assert "HTTP_TRANSFER_ENCODING" not in seen
    assert "HTTP_CONTENT_LENGTH" not in seen
    assert seen["CONTENT_LENGTH"] == "0"


async def test_a_memoryview_body_reads_as_bytes() -> None:
    """A large body, which is a view of its memory, is readable as any other."""
    one = request()
    one.body = memoryview(b"large")
    assert (await environ_of(one))["body"] == b"large"


async def test_an_answer_keeps_its_status_headers_and_parts() -> None:
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

    reply = await WsgiLane(app, threads=1).handle(request())
    assert reply == Reply(
        418,
        [b"short", b" and stout"],
        content_type=b"text/plain; charset=utf-8",
        headers=[(b"X-A", b"1"), (b"X-A", b"2")],
    )


async def test_the_result_is_closed_even_when_it_breaks() -> None:
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

    reply = await WsgiLane(app, threads=1).handle(request())
    assert Result.closed
    assert reply.status == 500


async def test_an_application_that_fails_is_answered_for() -> None:
    """Whatever an application raises, its client gets an error document without the details."""

    def app(_environ: dict[str, Any], _respond: Respond) -> Iterable[bytes]:
        message = "secret path /etc/x"
        raise ValueError(message)

    reply = await WsgiLane(app, threads=1).handle(request())
    assert reply.status == 500
    assert b"internal_error" in bytes(reply.body[0])
    assert b"secret" not in bytes(reply.body[0])


async def test_the_write_callable_is_refused() -> None:
    """An application that would write instead of returning fails loudly in its tests."""

    def app(_environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        respond("200 OK", [])(b"data")
        return []

    assert (await WsgiLane(app, threads=1).handle(request())).status == 500


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
    import json  # noqa: PLC0415

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
