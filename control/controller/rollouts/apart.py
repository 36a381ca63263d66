"""Keeps a tritonserver of its own for each version that is to be tried apart.

The launcher runs them; this says which. One that has ended is not started again in the same
attempt: whatever killed it must not go on.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from control.controller.forever import run_for_ever
from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.places import Places
from control.controller.rollouts.works import Works, in_words
from control.controller.server_reader import ServerReader, connect
from control.controller.triton_reader import TritonReader
from control.core.rollout_record import ModelRecord, Rollout
from control.core.rollout_route import model_digests, version_apart
from control.link.launcher_client import ExtraServers, LauncherAway, ServerRefused
from control.link.server_orders import ExtraServer
from control.observability.logs import get_logger
from control.repository.refusals import SourceRefused

_INTERVAL_S: Final = 0.3
#: What could not be started, which says nothing of the version, is tried again after this time.
_AGAIN_S: Final = 5.0
_PART: Final = "server apart"

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
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._connect: Callable[[ExtraServer], ServerReader] = lambda one: connect(one, secret)

    async def run(self) -> None:
        """Compare and mend for ever."""
        await run_for_ever("servers_apart", self._try, _INTERVAL_S)

    async def _try(self) -> None:
        try:
            await self.tick()
        except (LauncherAway, ServerRefused, OSError) as error:
            _log.warning("servers_apart_wait", reason=str(error))

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
                self._begin_to_start(name, record)
            elif server.exited:
                self._works.stop(name, _end_of(server))
        kept = [one for name, one in running.items() if name in wanted]
        await self._reader.follow(kept, self._connect)

    def _begin_to_start(self, name: str, record: ModelRecord) -> None:
        """Start a server, unless that is under way, or the attempt's end a matter of time.

        Its files may have to be copied first: no other server waits for that.
        """
        rollout = record.rollout
        if rollout is None or name in self._starting or self._works.stopped(name):
            return
        self._starting[name] = asyncio.create_task(self._start(record, rollout))

    async def _start(self, record: ModelRecord, rollout: Rollout) -> None:
        model, name, version = record.model, rollout.rollout, rollout.version
        digest, beside = record.versions[version].digest, model_digests(record, version)
        folder = self._places.repository_apart(name)
        build = self._places.build_apart
        try:
            await self._places.placing.do(build, model, version, digest, folder, beside)
            limit_s = rollout.policy.verification.load_timeout_s
            await self._servers.start(name, folder, [model], limit_s)
            self._works.hold_up(name, _PART, "")
        except SourceRefused as error:
            self._works.stop(name, f"its files cannot be copied: {error.reason}")
        except Exception as error:  # noqa: BLE001 - the task's outermost edge
            _log.warning("server_apart_waits", model=model, version=version, reason=str(error))
            self._works.hold_up(name, _PART, in_words(error))
            await asyncio.sleep(_AGAIN_S)
        finally:
            del self._starting[name]


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
