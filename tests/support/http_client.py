"""A client that sends exactly the bytes it is told to, and reads replies one by one."""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class RawReply:
    """One reply; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RawClient:
    """One connection to loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, receive_buffer: int | None = None) -> "RawClient":
        """Connect; ``receive_buffer`` bytes is what the kernel takes for a client that rests."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)  # noqa: FBT003 - its name says it
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
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

    async def reply(self, *, with_body: bool = True) -> RawReply:
        """Read the next reply whole."""
        async with asyncio.timeout(_TIMEOUT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head[:-4].split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (one.partition(":") for one in lines)
            }
            length = int(headers.get("content-length", 0)) if with_body else 0
            return RawReply(
                int(line.split(" ")[1]), headers, await self._reader.readexactly(length)
            )

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


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    """The bytes of one POST with a length."""
    lines = "".join(f"{one}\r\n" for one in headers)
    head = f"POST {path} HTTP/1.1\r\nHost: seawall\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode("latin-1") + body


def get(path: str, *headers: str) -> bytes:
    """The bytes of one GET."""
    lines = "".join(f"{one}\r\n" for one in headers)
    return f"GET {path} HTTP/1.1\r\nHost: seawall\r\n{lines}\r\n".encode("latin-1")
