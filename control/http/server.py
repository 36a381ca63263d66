"""Accepts connections, holds their limits and gives each request to one handler."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable

from control.errors import ControlError
from control.http.budget import BodyBudget
from control.http.connection import HttpConnection
from control.http.limits import HttpLimits
from control.http.messages import Reply, Request, StreamReply

Handler = Callable[[Request], Awaitable[Reply | StreamReply]]

_SWEEP_INTERVAL_S = 0.1
_CROWD_MEMORY_SWEEPS = 20


def _ignore_refusal(_error: ControlError) -> None:
    """Do nothing: the default where nobody counts refusals."""


class HttpServer:
    """An HTTP/1.1 server on sockets that are already bound.

    What ``handle`` raises is answered with 500 and ends the connection. All methods belong to the
    event loop.
    """

    def __init__(
        self,
        handle: Handler,
        limits: HttpLimits,
        on_refusal: Callable[[ControlError], None] = _ignore_refusal,
    ) -> None:
        """Serve ``handle`` under ``limits``; ``on_refusal`` hears of requests refused unread."""
        self.handle = handle
        self.limits = limits
        self.budget = BodyBudget(limits.max_held_body_bytes)
        self.on_refusal = on_refusal
        self.draining = False
        self._connections: set[HttpConnection] = set()
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None
        # A crowd is remembered: else its last ones, few again, would get the patience of the few.
        self._unfinished: deque[int] = deque(maxlen=_CROWD_MEMORY_SWEEPS)

    async def listen(self, *sockets: socket.socket) -> None:
        """Start to accept on bound sockets."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            server = await loop.create_server(lambda: HttpConnection(self), sock=sock, backlog=2048)
            self._servers.append(server)
        self._sweeper = loop.create_task(self._sweep_forever())

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, let requests under way finish, then close what is left.

        Streams are cut off at once.
        """
        self.draining = True
        for server in self._servers:
            server.close()
        deadline_s = time.monotonic() + timeout_s
        while self._connections and time.monotonic() < deadline_s:
            for connection in [one for one in self._connections if one.idle or one.streaming]:
                connection.close()
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    def add(self, connection: HttpConnection) -> bool:
        """Count a connection; False where there are too many."""
        if len(self._connections) >= self.limits.max_connections:
            return False
        self._connections.add(connection)
        return True

    def remove(self, connection: HttpConnection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL_S)
            self._sweep(time.monotonic())

    def _sweep(self, now_s: float) -> None:
        # One pass over all connections replaces a timer per connection and request.
        limits = self.limits
        reading = [one for one in self._connections if one.reading]
        self._unfinished.append(len(reading))
        stall_timeout_s = limits.patience.stall_timeout_for(max(self._unfinished))
        for connection in reading:
            connection.refuse_if_slow(now_s, stall_timeout_s)
        for connection in list(self._connections):
            if connection.is_write_stuck(now_s, limits.write_timeout_s):
                connection.abort()
            elif connection.idle and now_s - connection.last_byte_s > limits.idle_timeout_s:
                connection.close()
