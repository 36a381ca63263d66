"""The controller's way to extra tritonservers: it asks the launcher for them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from control.link.server_orders import (
    MAX_LINE_BYTES,
    ExtraServer,
    ListServers,
    ServerOrder,
    StartServer,
    StopServer,
    decode_reply,
    encode_line,
)

#: A start includes copying the backends; nothing waits for the server itself.
_TIMEOUT_S: Final = 10.0


class LauncherAway(Exception):
    """The launcher does not answer."""


class ServerRefused(Exception):
    """The launcher has not done it; the message says why."""


class ExtraServers:
    """Each method raises LauncherAway or ServerRefused, and may be tried again."""

    def __init__(self, socket_path: Path) -> None:
        """Ask at ``socket_path``."""
        self._socket_path = socket_path

    async def start(
        self, name: str, repository: Path, models: Sequence[str], load_timeout_s: float = 0.0
    ) -> ExtraServer:
        """Have a server of this name run, and give where it is; it is yet to load its models.

        ``repository`` is a folder below the state directory. The name that runs already is given as
        it is, and must be of the same models. For ``load_timeout_s`` see ``StartServer``.
        """
        order = StartServer(name, str(repository), list(models), load_timeout_s)
        servers = await self._ask(order)
        if len(servers) != 1:
            message = f"{len(servers)} servers were told instead of one"
            raise LauncherAway(message)
        return servers[0]

    async def stop(self, name: str) -> None:
        """Have none of this name run; it ends in its own time."""
        await self._ask(StopServer(name))

    async def all(self) -> list[ExtraServer]:
        """Give all that were started and not stopped, those that have exited among them."""
        return await self._ask(ListServers())

    async def _ask(self, order: ServerOrder) -> list[ExtraServer]:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                line = await self._exchange(encode_line(order))
            reply = decode_reply(line)
        except (OSError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
            message = f"the launcher does not answer: {error or 'no answer in time'}"
            raise LauncherAway(message) from error
        if not reply.ok:
            raise ServerRefused(reply.error)
        return reply.servers

    async def _exchange(self, order: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(
            str(self._socket_path), limit=MAX_LINE_BYTES
        )
        try:
            writer.write(order + b"\n")
            return await reader.readline()
        finally:
            writer.close()
