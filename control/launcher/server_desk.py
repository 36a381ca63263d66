"""Takes orders for extra tritonservers over a socket that only the state's owner reaches."""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from control.launcher.extra_servers import ExtraServersKept, OrderRefused
from control.link.server_orders import (
    MAX_LINE_BYTES,
    ListServers,
    ServerOrder,
    ServerReply,
    StartServer,
    StopServer,
    decode_order,
    encode_line,
)
from control.triton.installation import TritonNotInstalled


class ServerDesk:
    """Answers each line with one."""

    def __init__(self, servers: ExtraServersKept, socket_path: Path) -> None:
        """Listen at ``socket_path`` once ``open`` is called."""
        self._servers = servers
        self._socket_path = socket_path
        self._listening: asyncio.Server | None = None
        self._customers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen."""
        self._listening = await asyncio.start_unix_server(
            self._serve, str(self._socket_path), limit=MAX_LINE_BYTES
        )

    async def close(self) -> None:
        """Take no more orders, and end the servers."""
        if self._listening is not None:
            self._listening.close()
        for customer in self._customers:
            customer.transport.abort()
        await self._servers.stop_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._customers.add(writer)
        try:
            # A line that is too long raises ValueError: it ends the connection.
            with contextlib.suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    writer.write(encode_line(await self._answer(line)) + b"\n")
                    await writer.drain()
        finally:
            self._customers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> ServerReply:
        try:
            return await self._carry_out(decode_order(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return ServerReply(ok=False, error=f"not an order: {error}")
        except (OrderRefused, TritonNotInstalled) as error:
            return ServerReply(ok=False, error=str(error))
        except OSError as error:
            return ServerReply(ok=False, error=f"it cannot be prepared: {error.strerror}")

    async def _carry_out(self, order: ServerOrder) -> ServerReply:
        match order:
            case StartServer():
                return ServerReply(ok=True, servers=[await self._servers.start(order)])
            case StopServer():
                self._servers.stop(order.name)
                return ServerReply(ok=True)
            case ListServers():
                return ServerReply(ok=True, servers=self._servers.all())
