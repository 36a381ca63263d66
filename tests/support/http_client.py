"""A client that sends exactly the bytes it is told to, and reads replies one by one."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

from tests.support.answers import Answer, joined

_TIMEOUT_S = 20.0


class RawClient:
    """One connection to loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, receive_buffer: int | None = None) -> "RawClient":
        """Connect; ``receive_buffer`` bytes is what the kernel takes for a client that rests."""
        host, _, port = address.rpartition(":")
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)  # noqa: FBT003 - its name says it
        await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=sock, limit=2**16)
        return cls(reader, writer)

    async def send(self, *parts: bytes) -> None:
        """Send each part in a segment of its own, as far as the kernel lets us."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0)

    def send_unread(self, data: bytes) -> None:
        """Hand bytes to the loop without waiting for them to go out."""
        self._writer.write(data)

    def end_sending(self) -> None:
        """Close our half."""
        self._writer.write_eof()

    async def reply(self, *, with_body: bool = True) -> Answer:
        """Read the next reply whole."""
        async with asyncio.timeout(_TIMEOUT_S):
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = text[:-4].split("\r\n")
            pairs = [one.partition(":") for one in lines]
            headers = joined((name, value.strip()) for name, _, value in pairs)
            length = int(headers.get("content-length", 0)) if with_body else 0
            body = await self._reader.readexactly(length)
            return Answer(int(line.split(" ")[1]), headers, body)

    async def interim(self) -> bytes:
        """Read the head of an interim reply."""
        async with asyncio.timeout(_TIMEOUT_S):
            return await self._reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """Read until the server ends the connection; a reset ends it too."""
        async with asyncio.timeout(_TIMEOUT_S):
            with contextlib.suppress(ConnectionError):
                return await self._reader.read()
        return b""

    async def close(self) -> None:
        """Close the socket."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Reset the connection, as the kernel does for a client that was killed."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def connected(address: str) -> AsyncIterator[RawClient]:
    """A connection of one's own, reset at the end."""
    client = await RawClient.open(address)
    try:
        yield client
    finally:
        client.abort()


def head(method: str, path: str, *headers: str) -> bytes:
    """The head of a request with exactly these header lines after the host."""
    lines = [f"{method} {path} HTTP/1.1", "Host: seawall", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def get(path: str, *headers: str) -> bytes:
    """The bytes of one GET."""
    return head("GET", path, *headers)


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of one POST with a length."""
    return head("POST", path, f"Content-Length: {len(body)}", *headers) + body
