"""Services that webhooks ask, on real sockets: good, slow, failing, hostile."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """One request as a service got it."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Service:
    """A tiny server: it answers its requests with ``answers`` in turn, the last for ever."""

    answers: list[bytes | Behaviour]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None] | None] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End it with all that is open."""
        assert self._server is not None
        self._server.close()
        for task in [one for one in self._open if one]:
            task.cancel()

    @property
    def url(self) -> str:
        """Where it is asked, with a secret in it."""
        return f"http://127.0.0.1:{self.port}/hook/geheim?key=geheim"

    async def _serve(self, incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.current_task())
        try:
            head = (await incoming.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.strip().split("\r\n")
            headers = {one.split(": ", 1)[0].lower(): one.split(": ", 1)[1] for one in lines}
            body = await incoming.readexactly(int(headers["content-length"]))
            self.asked.append(Asked(line, headers, body))
            answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
            if isinstance(answer, bytes):
                outgoing.write(answer)
                await outgoing.drain()
            else:
                await answer(incoming, outgoing)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            outgoing.transport.abort() if self.answers[-1] is reset else outgoing.close()


def status(code: int, body: bytes = b"", *headers: str) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def never(incoming: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing until the other side leaves."""
    await incoming.read()


async def reset(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Hang up."""


async def drip(_: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Send a head that never ends, byte by byte: each of them resets a timeout for one read."""
    outgoing.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        outgoing.write(b"x")
        await outgoing.drain()
        await asyncio.sleep(0.01)


async def endless_head(_: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Send header after header, as fast as they are taken."""
    outgoing.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        outgoing.write(b"X: " + b"x" * 8000 + b"\r\n")
        await outgoing.drain()


async def endless_body(_: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Answer well, and go on for ever."""
    outgoing.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        outgoing.write(bytes(100_000))
        await outgoing.drain()


async def body_that_stalls(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
    """Answer well, and never end the body."""
    outgoing.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123")
    await incoming.read()
