import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from control.core.reading import ReadPatience
from control.errors import ControlError
from control.http.limits import HttpLimits
from control.http.messages import Reply, Request
from control.http.server import Handler, HttpServer
from tests.support.http_client import RawClient

BIG = b"x" * 4_000_000
IMPATIENT = ReadPatience(stall_timeout_s=0.2, crowded_stall_timeout_s=0.1)
#: No test ends by luck: patience that never runs out while a test runs.
PATIENT = ReadPatience(stall_timeout_s=600.0)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of production, and the plain one: neither's habits may be relied on."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


async def echo(request: Request) -> Reply:
    """Answer with what came."""
    return Reply(200, [request.method, b" ", request.path, b" ", request.body])


class Gatekeeper:
    """A handler that answers a path only once the test has let it through."""

    def __init__(self) -> None:
        self.started: list[bytes] = []
        self.cancelled: list[bytes] = []
        self._gates: dict[bytes, asyncio.Event] = {}

    def release(self, path: bytes) -> None:
        """Let a request through, also one that has not come yet."""
        self._gates.setdefault(path, asyncio.Event()).set()

    async def __call__(self, request: Request) -> Reply:
        """Wait for leave, then answer with the path."""
        self.started.append(request.path)
        try:
            await self._gates.setdefault(request.path, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(request.path)
            raise
        return Reply(200, [request.path])


class Front:
    """A server on loopback, its refusals, and clients of it."""

    def __init__(self, handle: Handler, limits: HttpLimits) -> None:
        self.refusals: list[ControlError] = []
        self.server = HttpServer(handle, limits, self.refusals.append)
        self.address = ""
        self._clients: list[RawClient] = []

    async def start(self) -> None:
        """Listen on a free port."""
        sock = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{sock.getsockname()[1]}"
        await self.server.listen(sock)

    async def connect(self, receive_buffer: int | None = None) -> RawClient:
        """Open a connection."""
        client = await RawClient.open(self.address, receive_buffer)
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
