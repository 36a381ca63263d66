import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from control.errors import ControlError
from control.http.limits import HttpLimits
from control.http.messages import Reply, Request
from control.http.server import Handler, HttpServer
from tests.support.http_client import RawClient


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of production, and the plain one: neither's habits may be relied on."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


async def echo(request: Request) -> Reply:
    """Answer with what came."""
    return Reply(200, [request.method, b" ", request.path, b" ", request.body])


class Front:
    """A server on loopback, its refusals, and clients of it."""

    def __init__(self, handle: Handler, limits: HttpLimits) -> None:
        self.refusals: list[ControlError] = []
        self.server = HttpServer(handle, limits, self.refusals.append)
        self.port = 0
        self._clients: list[RawClient] = []

    async def start(self) -> None:
        """Listen on a free port."""
        sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        await self.server.listen(sock)

    async def connect(self, receive_buffer: int | None = None) -> RawClient:
        """Open a connection."""
        client = await RawClient.open(self.port, receive_buffer)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        """End everything."""
        for client in self._clients:
            client.abort()
        await self.server.drain(0.0)


Start = Callable[..., Awaitable[Front]]


@pytest.fixture
async def serve() -> AsyncIterator[Start]:
    """Give what starts a server for one test, with a handler and limits of its choice."""
    fronts: list[Front] = []

    async def start(handle: Handler = echo, **limits: object) -> Front:
        front = Front(handle, HttpLimits(**limits))  # type: ignore[arg-type]
        await front.start()
        fronts.append(front)
        return front

    yield start
    for front in fronts:
        await front.close()
