"""Assembles requests from the bytes of one connection, under limits.

It decides nothing about a request's meaning. Strict parsing is llhttp's (httptools): a request
with both length headers, two lengths or bad framing never becomes a request.
"""

from collections.abc import Callable
from typing import Final

import httptools
import numpy as np

from control.errors import ControlError, MalformedRequest, TooLarge
from control.http.budget import BodyBudget
from control.http.limits import HttpLimits
from control.http.messages import Request

#: Heads and small bodies are read here. One buffer serves all connections, because the event loop
#: fills it and hands it to ``take`` before it reads from any other connection.
_SHARED_BUFFER: Final = memoryview(bytearray(256 * 1024))

#: From this many missing bytes on, a body is read straight into its own memory.
_DIRECT_READ_BYTES: Final = 32 * 1024


class RequestReader:
    """Gives each whole request, and whether the connection may live on, to ``deliver``.

    ``proceed`` is called where the client waits for leave to send its body. ``reading`` is true
    between the first and the last byte of a request; ``started_s`` and ``received_bytes`` tell its
    pace.
    """

    def __init__(
        self,
        limits: HttpLimits,
        budget: BodyBudget,
        deliver: Callable[[Request, bool], None],
        proceed: Callable[[], None],
    ) -> None:
        """Expect the first byte of a request; bodies are counted in ``budget``."""
        self._limits = limits
        self._budget = budget
        self._held_bytes = 0
        self._deliver = deliver
        self._proceed = proceed
        self._parser = httptools.HttpRequestParser(self)
        self._now_s = 0.0
        self.reading = False
        self._reset_message()

    def _reset_message(self) -> None:
        self._budget.give_back(self._held_bytes)
        self._held_bytes = 0
        self.started_s = self._now_s
        self.received_bytes = 0
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_count = 0
        self._head_bytes = 0
        self._head_done = False
        self._chunks = 0
        self._declared: int | None = None
        self._body: bytes | bytearray | memoryview = b""
        self._direct: memoryview | None = None
        self._filled = 0

    def buffer(self) -> memoryview:
        """Say where the next bytes go."""
        if self._direct is not None:
            return self._direct[self._filled :]
        return _SHARED_BUFFER

    def take(self, nbytes: int, now_s: float) -> None:
        """Take ``nbytes`` from the buffer; raises ControlError, after which nothing may follow."""
        self._now_s = now_s
        self.received_bytes += nbytes
        if self._direct is None:
            self._feed(_SHARED_BUFFER[:nbytes])
            return
        self._filled += nbytes
        self._hold(nbytes)
        if self._filled == len(self._direct):
            self._body = self._direct
            self._direct = None
            self.on_message_complete()
            self._parser = httptools.HttpRequestParser(self)  # the old one waits for the body still

    def stop(self) -> None:
        """Give up the request under way and its memory."""
        self.reading = False
        self._reset_message()

    # -- events from the parser

    def on_message_begin(self) -> None:
        """Start a request."""
        self._reset_message()
        self.reading = True

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header; a trailer counts, but it comes too late to mean anything."""
        self._header_count += 1
        self._count_head(len(name) + len(value) + 4)
        if self._header_count > self._limits.max_headers:
            message = f"more than {self._limits.max_headers} headers"
            raise TooLarge(message, status=431)
        if self._head_done:
            return
        name = name.lower()
        known = self._headers.get(name)
        self._headers[name] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        """Refuse a body that is too large before any of it is read."""
        self._head_done = True
        if self._parser.get_method() == b"CONNECT":
            message = "CONNECT is not supported"
            raise MalformedRequest(message)
        if self._parser.should_upgrade():
            return  # the same head comes again without the offer
        encoding = self._headers.get(b"transfer-encoding", b"chunked")
        if encoding.lower() != b"chunked":
            message = "Transfer-Encoding other than chunked is not supported"
            raise MalformedRequest(message)
        declared = self._headers.get(b"content-length")
        if declared is not None:
            self._declared = int(declared)
            self._check_body_bytes(self._declared)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._proceed()

    def on_chunk_header(self) -> None:
        """Count the chunks: a body in crumbs costs time out of all proportion."""
        self._chunks += 1
        if self._chunks > self._limits.max_body_chunks:
            message = f"body has more than {self._limits.max_body_chunks} chunks: send larger ones"
            raise MalformedRequest(message)

    def on_body(self, part: bytes) -> None:
        """Collect a part of the body."""
        if not self._body:
            self._body = part
        else:
            if not isinstance(self._body, bytearray):
                self._body = bytearray(self._body)
            self._body += part
        self._check_body_bytes(len(self._body))
        self._hold(len(part))

    def on_message_complete(self) -> None:
        """Hand the whole request over, and with it the duty to give its bytes back."""
        if self._parser.should_upgrade():
            return
        self.reading = False
        path, _, query = _in_origin_form(self._target).partition(b"?")
        request = Request(self._parser.get_method(), path, query, self._headers, self._body)
        self._held_bytes = 0
        self._body = b""  # an idle connection must not keep what it has last read
        self._deliver(request, self._parser.should_keep_alive())

    # -- parsing

    def _feed(self, data: memoryview) -> None:
        parts = [data]
        while parts:
            part = parts.pop()
            try:
                self._parser.feed_data(part)
            except httptools.HttpParserUpgrade as offer:
                parts += [part[offer.args[0] :], self._head_without_offer()]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserCallbackError as error:
                cause = error.__context__
                known = cause if isinstance(cause, ControlError) else None
                raise known or MalformedRequest("malformed HTTP request") from error
            except httptools.HttpParserError as error:
                message = f"malformed HTTP request: {error}"
                raise MalformedRequest(message) from error
        if self.reading and self._declared is not None:
            self._read_rest_directly(self._declared)

    def _head_without_offer(self) -> memoryview:
        # Whoever offers another protocol may be answered in this one (RFC 9110, 7.8), and curl
        # --http2 and Java's HttpClient offer h2c with their first request. The parser stops there,
        # before the body: a new one gets the head without the offer.
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._target, version)]
        lines += [b"%b: %b" % header for header in self._headers.items() if header[0] != b"upgrade"]
        return memoryview(b"\r\n".join([*lines, b"", b""]))

    def _read_rest_directly(self, declared: int) -> None:
        if declared - len(self._body) < _DIRECT_READ_BYTES:
            return
        # numpy leaves the memory untouched, so a body that never comes costs address space only
        buffer = np.empty(declared, np.uint8).data
        self._filled = len(self._body)
        buffer[: self._filled] = self._body
        self._direct = buffer

    def _hold(self, count: int) -> None:
        self._budget.take(count)
        self._held_bytes += count

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > self._limits.max_head_bytes:
            message = f"request head is larger than {self._limits.max_head_bytes} bytes"
            raise TooLarge(message, status=431)

    def _check_body_bytes(self, count: int) -> None:
        if count > self._limits.max_body_bytes:
            message = f"body of {count} bytes exceeds {self._limits.max_body_bytes} bytes"
            raise TooLarge(message)


def _in_origin_form(target: bytes) -> bytes:
    """Cut scheme and authority off a target, which a server must take too (RFC 9112, 3.2.2)."""
    if target[:7].lower() != b"http://":
        return target
    _, slash, rest = target[7:].partition(b"/")
    return slash + rest or b"/"
