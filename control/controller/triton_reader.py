"""Reads the main tritonserver, and those beside it, into snapshots."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from control.controller.server_reader import ServerReader
from control.link.messages import SnapshotMessage, VersionMessage
from control.link.server_orders import ExtraServer
from control.triton.management import RepositoryIndex, TritonAway
from control.triton.stubs import StubWatch
from control.triton.upstream import Upstream

#: What a server beside the main one may keep a read waiting, once that one has been read.
_PATIENCE_S: Final = 0.25
_ENDED: Final = "its tritonserver has ended"
_SLOW: Final = "its tritonserver does not answer in time"


class TritonReader:
    """Reads on each ``read``; documents are kept between reads and renewed by ``renew``."""

    def __init__(
        self, upstream: Upstream, index: RepositoryIndex, watch: StubWatch, pid_file: Path | None
    ) -> None:
        """Scan the stubs of the server whose id is in ``pid_file``; None for an external Triton."""
        self._main = ServerReader(upstream, index, watch, pid_file)
        self._beside: dict[tuple[str, str], _Beside] = {}

    @property
    def index(self) -> Mapping[str, Mapping[int, str]]:
        """What the main server said last of each version, by model."""
        return self._main.states

    async def follow(
        self, servers: Iterable[ExtraServer], connect: Callable[[ExtraServer], ServerReader]
    ) -> None:
        """Read these beside the main one from now on, and no others."""
        wanted = {(one.name, one.http_url): one for one in servers}
        for key in self._beside.keys() - wanted.keys():
            await self._beside.pop(key).close()
        for key, server in wanted.items():
            if key not in self._beside:
                self._beside[key] = _Beside(connect(server))
            self._beside[key].server = server

    def renew(self) -> None:
        """Read all documents anew at the next ``read``: a reload may have changed them."""
        self._main.renew()

    async def read(self, revision: int) -> SnapshotMessage:
        """Give the present state; raises TritonAway where the main server is."""
        beside = list(self._beside.values())
        for one in beside:
            one.begin()
        main = await self._main.read()
        about = await self._main.about_server()
        versions = {(one.model, one.version): one for one in main}
        waited = await asyncio.gather(*(one.latest() for one in beside))
        for version in (version for versions_of_one in waited for version in versions_of_one):
            here = versions.get((version.model, version.version))
            if here is None or not here.ready:
                versions[version.model, version.version] = version
        return SnapshotMessage(revision, about, list(versions.values()))


class _Beside:
    """A server beside the main one. It keeps no read waiting: it is taken for away instead."""

    def __init__(self, reader: ServerReader) -> None:
        self.server: ExtraServer | None = None
        self._reader = reader
        self._reading: asyncio.Task[list[VersionMessage]] | None = None
        self._known: list[VersionMessage] = []

    def begin(self) -> None:
        """Begin to read, unless that is still under way from the time before."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._reader.read())

    async def latest(self) -> list[VersionMessage]:
        """Give its versions as they are now, none of them ready where it is away."""
        reading, server = self._reading, self.server
        if reading is None or server is None:
            return []
        await asyncio.wait({reading}, timeout=_PATIENCE_S)
        if not reading.done():
            return self._away(_SLOW)
        if reading.cancelled():
            return self._away(_ENDED)  # it was closed meanwhile
        self._reading = None
        try:
            found = reading.result()
        except TritonAway as error:
            return self._away(_ENDED if server.exited else f"its tritonserver is away: {error}")
        self._known = [msgspec.structs.replace(one, upstream=server.http_url) for one in found]
        return self._known

    async def close(self) -> None:
        """Stop reading it; who is waiting for it takes it for away."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait({reading})
        await self._reader.close()

    def _away(self, reason: str) -> list[VersionMessage]:
        return [
            msgspec.structs.replace(one, loaded=False, ready=False, reason=reason)
            for one in self._known
        ]
