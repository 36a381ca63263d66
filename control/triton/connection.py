"""One HTTP/1.1 connection to Triton, one call at a time on it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httptools
import numpy as np

from control.core.tensors import Buffer
from control.http.writing import write_parts

if TYPE_CHECKING:
    from control.triton.upstream import Upstream

_SHARED_BUFFER: Final = memoryview(bytearray(256 * 1024))
_DIRECT_READ_BYTES: Final = 32 * 1024


class ConnectionLost(Exception):
    """Triton closed the connection, or answered what is not HTTP, before the answer was whole."""


@dataclass(slots=True)
class UpstreamAnswer:
    """Triton's answer; ``headers`` names are lower case."""

    status: int
    headers: dict[bytes, bytes]
    body: Buffer


class UpstreamConnection(asyncio.BufferedProtocol):
    """The protocol of one socket to Triton."""

    def __init__(self, upstream: "Upstream") -> None:
        """Belong to the pool ``upstream``."""
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[UpstreamAnswer] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray | memoryview = b""
        self._direct: memoryview | None = None
        self._filled = 0
        self._keep_alive = True

    @property
    def is_open(self) -> bool:
        """Whether a call can be sent here."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, parts: Sequence[Buffer]) -> "asyncio.Future[UpstreamAnswer]":
        """Write one request and give the future of its answer (fails with ConnectionLost)."""
        self._waiter = self._loop.create_future()
        if self._transport is None:
            self._waiter.set_exception(ConnectionLost("connection is closed"))
        else:
            write_parts(self._transport, parts)
        return self._waiter

    @property
    def is_busy(self) -> bool:
        """Whether an answer is under way."""
        return self._waiter is not None and self.is_open

    def go_on(self) -> "asyncio.Future[UpstreamAnswer]":
        """Give a new future for the answer under way, in place of one that was given up."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def close(self) -> None:
        """Close the socket; an answer under way is dropped."""
        if self._transport is not None:
            self._transport.abort()

    # -- events from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the call under way."""
        self._transport = None
        self._upstream.forget(self)
        self._fail(ConnectionLost(f"Triton closed the connection ({exc or 'end of stream'})"))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Say where the next bytes go."""
        if self._direct is not None:
            return self._direct[self._filled :]
        return _SHARED_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take ``nbytes`` that the event loop has put into the buffer."""
        if self._direct is None:
            self._feed(_SHARED_BUFFER[:nbytes])
            return
        self._filled += nbytes
        if self._filled == len(self._direct):
            self._body = self._direct
            self._direct = None
            self.on_message_complete()
            self._parser = httptools.HttpResponseParser(self)

    def _feed(self, data: memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionLost(f"Triton's answer is not HTTP ({error})"))
            self.close()
            return
        if self._waiter is not None and b"content-length" in self._headers:
            self._read_rest_directly(int(self._headers[b"content-length"]))

    def _read_rest_directly(self, declared: int) -> None:
        if declared - len(self._body) < _DIRECT_READ_BYTES:
            return
        self._direct = np.empty(declared, np.uint8).data
        self._filled = len(self._body)
        self._direct[: self._filled] = self._body

    # -- events from the parser

    def on_message_begin(self) -> None:
        """Start an answer; one that nobody has asked for could be taken for another call's."""
        if self._waiter is None:
            self.close()
        self._headers = {}
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Remember what the parser knows only while it parses."""
        self._status = self._parser.get_status_code()
        self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """Collect a part of the body."""
        if not self._body:
            self._body = part
            return
        if not isinstance(self._body, bytearray):
            self._body = bytearray(self._body)
        self._body += part

    def on_message_complete(self) -> None:
        """Hand the answer to the caller."""
        waiter, self._waiter = self._waiter, None
        body, self._body = self._body, b""  # an idle connection must not keep its last answer
        if waiter is not None and not waiter.done():
            waiter.set_result(UpstreamAnswer(self._status, self._headers, body))
        if not self._keep_alive:
            self.close()

    def _fail(self, error: ConnectionLost) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
