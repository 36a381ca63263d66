"""Keeps a tritonserver of its own for each version that is to be tried apart.

The launcher runs them; this says which. One that has ended is not started again in the same
attempt: whatever killed it must not go on.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.places import Places
from control.controller.rollouts.works import Works
from control.controller.server_reader import ServerReader, connect
from control.controller.triton_reader import TritonReader
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import version_apart
from control.link.launcher_client import ExtraServers, LauncherAway, ServerRefused
from control.link.server_orders import ExtraServer
from control.observability.logs import get_logger

_INTERVAL_S: Final = 0.3

_log = get_logger("rollouts")


class ServersApart:
    """Belongs to the event loop."""

    def __init__(
        self,
        book: RolloutBook,
        servers: ExtraServers,
        places: Places,
        works: Works,
        reader: TritonReader,
        secret: str,
    ) -> None:
        """Have ``servers`` run what ``book`` wants apart, and ``reader`` read them."""
        self._book = book
        self._servers = servers
        self._places = places
        self._works = works
        self._reader = reader
        self._connect: Callable[[ExtraServer], ServerReader] = lambda one: connect(one, secret)

    async def run(self) -> None:
        """Compare and mend for ever."""
        while True:
            try:
                await self.tick()
            except (LauncherAway, ServerRefused, OSError) as error:
                _log.warning("servers_apart_wait", reason=str(error))
            await asyncio.sleep(_INTERVAL_S)

    async def tick(self) -> None:
        """Start what is wanted and does not run, and stop what is not wanted."""
        wanted = _wanted(self._book.records().values())
        running = {one.name: one for one in await self._servers.all()}
        for name in running.keys() - wanted.keys():
            await self._servers.stop(name)
        await asyncio.to_thread(self._places.forget_apart, wanted.keys())
        for name, record in wanted.items():
            server = running.get(name)
            if server is None:
                running[name] = await self._start(name, record)
            elif server.exited and record.rollout is not None:
                self._works.stop(record.rollout.rollout, _end_of(server))
        kept = [one for name, one in running.items() if name in wanted]
        await self._reader.follow(kept, self._connect)

    async def _start(self, name: str, record: ModelRecord) -> ExtraServer:
        version = version_apart(record)
        folder = self._places.repository_apart(name)
        if version is not None:
            await asyncio.to_thread(self._places.build_apart, record.model, version, folder)
        return await self._servers.start(name, folder, [record.model])


def _wanted(records: Iterable[ModelRecord]) -> Mapping[str, ModelRecord]:
    """Name the servers: by attempt, so that a new one is never taken for an old one."""
    return {
        record.rollout.rollout: record
        for record in records
        if record.rollout is not None and version_apart(record) is not None
    }


def _end_of(server: ExtraServer) -> str:
    if server.code is None:
        return "its tritonserver could not be started"
    how = f"by signal {-server.code}" if server.code < 0 else f"with status {server.code}"
    return f"its tritonserver has died {how}"
