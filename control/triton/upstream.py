"""A pool of HTTP connections to Triton. It sends and gives answers; it judges none of them."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from control.core.tensors import Buffer
from control.errors import DeadlineExceeded
from control.triton.address import Address
from control.triton.connection import ConnectionLost, UpstreamAnswer, UpstreamConnection

_TOO_LATE: Final = "Triton did not answer within the request's time"


class ConnectRefused(Exception):
    """Nobody listens at Triton's address: the request was not sent."""


class Abandoned(Protocol):
    """Who cares for a call that was given up: Triton goes on with it, since HTTP cannot cancel."""

    def left(self) -> None:
        """Hear that nobody waits for the answer any more, and that Triton works on."""
        ...

    def ended(self, answer: UpstreamAnswer | None) -> None:
        """Hear that Triton is done with it; None where no answer came."""
        ...


class Upstream:
    """Keeps idle connections for reuse, newest first. All methods belong to the event loop."""

    def __init__(self, address: Address, *, max_idle: int = 256, patience_s: float = 60.0) -> None:
        """Connect to ``address`` on demand and keep up to ``max_idle`` connections open.

        The answer of a call that was given up is waited for ``patience_s`` at most.
        """
        self._address = address
        self._max_idle = max_idle
        self._patience_s = patience_s
        self._idle: deque[UpstreamConnection] = deque()
        self._host = address.host_header.encode()
        #: Called when Triton closes a connection on which nothing was asked: the first sign of
        #: its death when there is no traffic.
        self.on_idle_lost: Callable[[], None] = _ignore

    async def call(
        self,
        parts: Sequence[Buffer],
        deadline_s: float | None = None,
        abandoned: Abandoned | None = None,
    ) -> UpstreamAnswer:
        """Send a request whose head ``parts`` already contain.

        Raises ConnectRefused, ConnectionLost, or DeadlineExceeded at ``deadline_s`` (loop time). A
        call that was given up closes its connection, unless ``abandoned`` wants to hear its end.
        """
        connection = self._take_idle() or await self._connect_by(deadline_s)
        waiter = connection.send(parts)
        timer = None
        if deadline_s is not None:
            timer = asyncio.get_running_loop().call_at(deadline_s, _expire, waiter)
        try:
            answer = await waiter
        except (asyncio.CancelledError, DeadlineExceeded):
            if abandoned is None or not connection.is_busy:
                connection.close()
            else:
                self._leave(connection, abandoned)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        self._give_back(connection)
        return answer

    async def request(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: Buffer = b""
    ) -> UpstreamAnswer:
        """Send any request; for the rare endpoints, where speed does not matter."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = self.head(method.encode(), path.encode(), len(body), extra.encode())
        return await self.call([head, body] if body else [head])

    def head(self, method: bytes, path: bytes, length: int, extra: bytes) -> bytes:
        """Give a request head; ``extra`` is whole header lines."""
        return b"%b %b HTTP/1.1\r\nHost: %b\r\n%bContent-Length: %d\r\n\r\n" % (
            method,
            path,
            self._host,
            extra,
            length,
        )

    def forget(self, connection: UpstreamConnection) -> None:
        """Drop a connection that has been closed."""
        if connection in self._idle:
            self._idle.remove(connection)
            self.on_idle_lost()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()  # popped first, so that nobody takes it for Triton's death

    def retire(self) -> None:
        """Close the idle connections, and keep none of those that are busy now."""
        self._max_idle = 0
        self.close()

    def _leave(self, connection: UpstreamConnection, abandoned: Abandoned) -> None:
        abandoned.left()
        waiter = connection.go_on()
        timer = asyncio.get_running_loop().call_later(self._patience_s, connection.close)
        waiter.add_done_callback(partial(self._end, connection, abandoned, timer))

    def _end(
        self,
        connection: UpstreamConnection,
        abandoned: Abandoned,
        timer: asyncio.TimerHandle,
        waiter: "asyncio.Future[UpstreamAnswer]",
    ) -> None:
        timer.cancel()
        if waiter.exception() is not None:
            abandoned.ended(None)
            return
        self._give_back(connection)
        abandoned.ended(waiter.result())

    def _take_idle(self) -> UpstreamConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def _give_back(self, connection: UpstreamConnection) -> None:
        if not connection.is_open:
            return
        if len(self._idle) >= self._max_idle:
            connection.close()
        else:
            self._idle.append(connection)

    async def _connect_by(self, deadline_s: float | None) -> UpstreamConnection:
        try:
            async with asyncio.timeout_at(deadline_s):
                return await self._connect()
        except TimeoutError as error:
            raise DeadlineExceeded(_TOO_LATE) from error

    async def _connect(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        address = self._address
        try:
            if address.unix_path:
                _, connection = await loop.create_unix_connection(
                    lambda: UpstreamConnection(self), address.unix_path
                )
            else:
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self), address.host, address.port
                )
        except OSError as error:
            raise ConnectRefused(str(error)) from error
        return connection


def _ignore() -> None:
    """Do nothing: the default where nobody listens."""


def _expire(waiter: "asyncio.Future[UpstreamAnswer]") -> None:
    if not waiter.done():
        waiter.set_exception(DeadlineExceeded(_TOO_LATE))


__all__ = ["Abandoned", "ConnectRefused", "ConnectionLost", "Upstream", "UpstreamAnswer"]
