"""One HTTP/1.1 connection: bytes in under limits, whole requests out, replies back in order.

It decides nothing about a request's meaning. Strict parsing is llhttp's (httptools): a request
with both length headers, two lengths or bad framing never becomes a request.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import httptools
import numpy as np

from control.errors import ControlError, MalformedRequest, RequestTimeout, TooLarge
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request

if TYPE_CHECKING:
    from control.http.server import HttpServer

#: Heads and small bodies are read here. One buffer serves all connections, because the event loop
#: fills it and hands it to ``buffer_updated`` before it reads from any other connection.
_SHARED_BUFFER: Final = memoryview(bytearray(256 * 1024))

#: From this many missing bytes on, a body is read straight into its own memory.
_DIRECT_READ_BYTES: Final = 32 * 1024

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(asyncio.BufferedProtocol):
    """The protocol of one accepted socket."""

    def __init__(self, server: "HttpServer") -> None:
        """Belong to ``server``, which owns the limits and the handler."""
        self._server = server
        self._limits = server.limits
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._peer = ""
        self._pending: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._refusal: ControlError | None = None
        self._write_blocked_s = 0.0
        self.last_byte_s = time.monotonic()
        self.reading = False
        self._reset_message()

    def _reset_message(self) -> None:
        self._started_s = self.last_byte_s
        self._received = 0
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_count = 0
        self._head_bytes = 0
        self._chunks = 0
        self._declared: int | None = None
        self._body: bytes | bytearray | memoryview = b""
        self._direct: memoryview | None = None
        self._filled = 0

    # -- events from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, or refuse it where too many are open."""
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._server.add(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the socket, and the work for a client that has gone."""
        self._closing = True
        self._transport = None
        self._server.remove(self)
        self._pending.clear()
        if self._task is not None:
            self._task.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Say where the next bytes go."""
        if self._direct is not None:
            return self._direct[self._filled :]
        return _SHARED_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take ``nbytes`` that the event loop has put into the buffer."""
        if self._closing or self._refusal is not None:
            return
        self.last_byte_s = time.monotonic()
        self._received += nbytes
        if self._direct is not None:
            self._filled += nbytes
            if self._filled == len(self._direct):
                self._finish_direct_body()
            return
        self._feed(_SHARED_BUFFER[:nbytes])

    def eof_received(self) -> bool:
        """Let a client that closed its half early still get the answers it has asked for."""
        return self._task is not None or bool(self._pending)

    def pause_writing(self) -> None:
        """Note since when the client has not read."""
        self._write_blocked_s = time.monotonic()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._write_blocked_s = 0.0

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
        """Collect one header."""
        self._header_count += 1
        self._count_head(len(name) + len(value) + 4)
        if self._header_count > self._limits.max_headers:
            message = f"more than {self._limits.max_headers} headers"
            raise TooLarge(message, status=431)
        name = name.lower()
        known = self._headers.get(name)
        self._headers[name] = value if known is None else known + b", " + value

    def on_headers_complete(self) -> None:
        """Refuse a body that is too large before any of it is read."""
        encoding = self._headers.get(b"transfer-encoding", b"chunked")
        if encoding.lower() != b"chunked":
            message = "Transfer-Encoding other than chunked is not supported"
            raise MalformedRequest(message)
        declared = self._headers.get(b"content-length")
        if declared is not None:
            self._declared = int(declared)
            self._check_body_bytes(self._declared)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._write(_CONTINUE)

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

    def on_message_complete(self) -> None:
        """Queue the whole request and serve it as soon as those before it are answered."""
        self.reading = False
        path, _, query = self._target.partition(b"?")
        request = Request(
            self._parser.get_method(), path, query, self._headers, self._body, self._peer
        )
        self._pending.append((request, self._parser.should_keep_alive()))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())
        elif len(self._pending) >= self._limits.max_pipelined and self._transport is not None:
            self._transport.pause_reading()

    # -- reading

    def _feed(self, data: memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(MalformedRequest("protocol upgrades are not supported"))
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            known = cause if isinstance(cause, ControlError) else None
            self.refuse(known or MalformedRequest("malformed HTTP request"))
        except httptools.HttpParserError as error:
            self.refuse(MalformedRequest(f"malformed HTTP request: {error}"))
        else:
            if self.reading and self._declared is not None:
                self._read_rest_directly(self._declared)

    def _read_rest_directly(self, declared: int) -> None:
        missing = declared - len(self._body)
        if missing < _DIRECT_READ_BYTES:
            return
        # numpy leaves the memory untouched, so a body that never comes costs address space only
        buffer = np.empty(declared, np.uint8).data
        self._filled = len(self._body)
        buffer[: self._filled] = self._body
        self._direct = buffer

    def _finish_direct_body(self) -> None:
        assert self._direct is not None  # noqa: S101 - the caller has seen it
        self._body = self._direct
        self._direct = None
        self.on_message_complete()
        self._parser = httptools.HttpRequestParser(self)  # the old one still waits for the body

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > self._limits.max_head_bytes:
            message = f"request head is larger than {self._limits.max_head_bytes} bytes"
            raise TooLarge(message, status=431)

    def _check_body_bytes(self, count: int) -> None:
        if count > self._limits.max_body_bytes:
            message = f"body of {count} bytes exceeds {self._limits.max_body_bytes} bytes"
            raise TooLarge(message)

    # -- serving

    async def _serve(self) -> None:
        handle = self._server.handle
        while self._pending:
            request, keep_alive = self._pending.popleft()
            keep_alive = keep_alive and not self._server.draining
            reply = await handle(request)
            if self._transport is None:
                return
            self.send(reply, keep_alive=keep_alive)
            if not keep_alive:
                self._close_gently()
                return
            if len(self._pending) == self._limits.max_pipelined - 1:
                self._transport.resume_reading()
        self._task = None
        if self._refusal is not None:
            self.refuse(self._refusal)

    def send(self, reply: Reply, *, keep_alive: bool) -> None:
        """Write a reply; its body parts are not copied."""
        if self._transport is not None:
            self._transport.writelines([reply.head(keep_alive=keep_alive), *reply.body])

    def refuse(self, error: ControlError) -> None:
        """Answer a request that never became one, and end the connection."""
        self.reading = False
        self._direct = None
        self._refusal = error
        if self._closing or self._task is not None:
            return  # answers to earlier requests on this connection go out first
        self.send(error_reply(error, new_request_id()), keep_alive=False)
        self._server.on_refusal(error)
        self._close_gently()

    def refuse_if_slow(self, now_s: float, stall_timeout_s: float) -> None:
        """Give up a request whose bytes do not come, or only in drops."""
        patience = self._limits.patience
        if patience.is_too_slow(
            stalled_s=now_s - self.last_byte_s,
            elapsed_s=now_s - self._started_s,
            received_bytes=self._received,
            stall_timeout_s=stall_timeout_s,
        ):
            self.refuse(RequestTimeout("request was sent too slowly"))

    # -- ending

    @property
    def idle(self) -> bool:
        """Whether nothing is being read, served or written here."""
        return self._task is None and not self.reading

    def is_write_stuck(self, now_s: float, timeout_s: float) -> bool:
        """Whether the client has not taken its answer for ``timeout_s`` seconds."""
        return bool(self._write_blocked_s) and now_s - self._write_blocked_s > timeout_s

    def close(self) -> None:
        """Close after everything written has gone out."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def _close_gently(self) -> None:
        # Closing a socket with unread bytes resets it, and the client would lose the answer: so
        # end our half, drop what still comes in, and close a little later.
        if self._transport is None or self._closing:
            return
        self._closing = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(self._limits.linger_s, self.close)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
