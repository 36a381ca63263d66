"""One HTTP/1.1 connection: requests are served in order, and their answers go out in order."""

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from control.errors import ControlError, RequestTimeout, release_frames
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request, StreamReply
from control.http.request_reader import RequestReader
from control.http.writing import write_parts
from control.observability.logs import get_logger

if TYPE_CHECKING:
    from control.http.server import HttpServer

_log = get_logger("http")

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(asyncio.BufferedProtocol):
    """The protocol of one accepted socket."""

    def __init__(self, server: "HttpServer") -> None:
        """Belong to ``server``, which owns the limits and the handler."""
        self._server = server
        self._limits = server.limits
        self._transport: asyncio.Transport | None = None
        self._reader = RequestReader(server.limits, server.budget, self._accept, self._let_proceed)
        self._peer = ""
        self._pending: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._half_closed = False
        self._reading_paused = False
        self._refusal: ControlError | None = None
        self._write_blocked_s = 0.0
        self._writable = asyncio.Event()
        self.streaming = False
        self.last_byte_s = time.monotonic()

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
        self._reader.stop()
        while self._pending:
            self._give_back(self._pending.popleft()[0])
        task, self._task = self._task, None
        if task is not None:
            task.cancel()  # not kept: it keeps its end, whose frames keep us and the body

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Say where the next bytes go."""
        return self._reader.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Take ``nbytes`` that the event loop has put into the buffer."""
        if self._closing or self._refusal is not None:
            return
        self.last_byte_s = time.monotonic()
        try:
            self._reader.take(nbytes, self.last_byte_s)
        except ControlError as error:
            self.refuse(error)

    def eof_received(self) -> bool:
        """Let a client that closed its half early still get the answers it has asked for."""
        self._half_closed = True
        return self._task is not None and not self.streaming

    def pause_writing(self) -> None:
        """Note since when the client has not read; nothing more is computed for it until then."""
        self._write_blocked_s = time.monotonic()
        self._writable.clear()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._write_blocked_s = 0.0
        self._writable.set()

    # -- events from the reader

    def _accept(self, request: Request, keep_alive: bool) -> None:
        """Queue a whole request and serve it as soon as those before it are answered."""
        request.peer = self._peer
        self._pending.append((request, keep_alive))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())
        elif len(self._pending) >= self._limits.max_pipelined and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _let_proceed(self) -> None:
        if self._transport is not None and self._task is None:  # else it would overtake an answer
            self._transport.write(_CONTINUE)

    # -- serving

    async def _serve(self) -> None:
        while self._pending:
            if self._write_blocked_s:
                await self._writable.wait()
            request, keep_alive = self._pending.popleft()
            try:
                reply = await self._server.handle(request)
            except Exception as error:  # noqa: BLE001 - outermost edge: silence would hang the client
                _log.error("unforeseen_failure", exc_info=error)
                failure = ControlError("Seawall failed on this request")
                reply, keep_alive = error_reply(failure, new_request_id()), False
            finally:
                self._give_back(request)
            if self._transport is None:
                return
            if isinstance(reply, StreamReply):
                await self._send_stream(self._transport, reply)
                return
            last = self._server.draining or (self._half_closed and not self._pending)
            keep_alive = keep_alive and not last
            self._send(reply, keep_alive=keep_alive, with_body=request.method != b"HEAD")
            if not keep_alive:
                self._close_gently()
                return
            if self._reading_paused and len(self._pending) < self._limits.max_pipelined:
                self._resume_reading(self._transport)
        self._task = None
        if self._refusal is not None:
            self.refuse(self._refusal)

    async def _send_stream(self, transport: asyncio.Transport, reply: StreamReply) -> None:
        """Write an answer as it comes; whoever closes the connection ends it."""
        self.streaming = True
        transport.write(reply.head())
        try:
            async with contextlib.aclosing(reply.parts) as parts:
                async for part in parts:
                    if self._write_blocked_s:
                        await self._writable.wait()
                    transport.write(part)
        except Exception as error:  # noqa: BLE001 - outermost edge, as above
            _log.error("unforeseen_failure", exc_info=error)
            self.abort()  # not in good order: the client shall not take it for the end
        self._close_gently()

    def _give_back(self, request: Request) -> None:
        self._server.budget.give_back(len(request.body))

    def _resume_reading(self, transport: asyncio.Transport) -> None:
        self._reading_paused = False
        # the time in which we did not read is not the client's fault
        self.last_byte_s = self._reader.started_s = time.monotonic()
        transport.resume_reading()

    def _send(self, reply: Reply, *, keep_alive: bool, with_body: bool = True) -> None:
        """Write a reply; its body parts are not copied."""
        if self._transport is not None:
            head = reply.head(keep_alive=keep_alive)
            write_parts(self._transport, [head, *reply.body] if with_body else [head])

    def refuse(self, error: ControlError) -> None:
        """Answer a request that never became one, and end the connection."""
        self._reader.stop()
        release_frames(error)
        self._refusal = error
        if self._closing or self._task is not None:
            return  # answers to earlier requests on this connection go out first
        self._send(error_reply(error, new_request_id()), keep_alive=False)
        self._server.on_refusal(error)
        self._close_gently()

    def refuse_if_slow(self, now_s: float, stall_timeout_s: float) -> None:
        """Give up a request whose bytes do not come, or only in drops."""
        if self._reading_paused:
            return
        patience = self._limits.patience
        if patience.is_too_slow(
            stalled_s=now_s - self.last_byte_s,
            elapsed_s=now_s - self._reader.started_s,
            received_bytes=self._reader.received_bytes,
            stall_timeout_s=stall_timeout_s,
        ):
            self.refuse(RequestTimeout("request was sent too slowly"))

    # -- ending

    @property
    def reading(self) -> bool:
        """Whether a request has begun to come in and is not whole yet."""
        return self._reader.reading

    @property
    def idle(self) -> bool:
        """Whether nothing is being read or served here."""
        return self._task is None and not self._reader.reading

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
        if self._reading_paused:
            self._transport.resume_reading()
        asyncio.get_running_loop().call_later(self._limits.linger_s, self.close)
