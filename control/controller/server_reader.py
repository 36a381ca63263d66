"""Reads the models of one tritonserver, with their configs and the health of their processes."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from control.link.messages import VersionMessage
from control.link.server_orders import ExtraServer
from control.observability.logs import get_logger
from control.triton.address import parse_address
from control.triton.error_texts import load_reason
from control.triton.management import (
    DocumentRefused,
    GrpcIndex,
    IndexEntry,
    RepositoryIndex,
    TritonAway,
    read_document,
)
from control.triton.stubs import Stub, StubWatch
from control.triton.upstream import Upstream

_Key = tuple[str, int]
_Documents = tuple[bytes, bytes]

_log = get_logger("controller")


class ServerReader:
    """Reads on each ``read``; documents are kept between reads and renewed by ``renew``."""

    def __init__(
        self, upstream: Upstream, index: RepositoryIndex, watch: StubWatch, pid_file: Path | None
    ) -> None:
        """Scan the stubs of the server whose id is in ``pid_file``; None for an external Triton."""
        self._upstream = upstream
        self._index = index
        self._watch = watch
        self._pid_file = pid_file
        self._documents: dict[_Key, _Documents] = {}
        self._documents_before: dict[_Key, _Documents] = {}
        self._refused: set[_Key] = set()
        self._bygone: set[int] = set()
        #: What the server said last of each version, by model.
        self.states: Mapping[str, Mapping[int, str]] = {}

    def renew(self) -> None:
        """Read all documents anew at the next ``read``: a reload may have changed them."""
        self._documents_before, self._documents = self._documents, {}

    async def about_server(self) -> bytes:
        """Give what the server says of itself; raises TritonAway."""
        return await read_document(self._upstream, "/v2")

    async def read(self) -> list[VersionMessage]:
        """Give the present state; raises TritonAway."""
        entries = await self._index.read()
        states: dict[str, dict[int, str]] = {}
        for entry in entries:
            states.setdefault(entry.model, {})[entry.version] = entry.state
        self.states = states
        dead = self._dead_stubs(entries, await asyncio.to_thread(self._scan))
        found = [await self._read_version(entry, dead) for entry in entries]
        return [version for version in found if version is not None]

    async def close(self) -> None:
        """Close the connections."""
        self._upstream.close()
        await self._index.close()

    async def _read_version(self, entry: IndexEntry, dead: Sequence[Stub]) -> VersionMessage | None:
        key = (entry.model, entry.version)
        loaded = entry.is_ready
        if loaded and key not in self._documents:
            await self._renew(key)
        if key not in self._documents:
            return None  # Triton has no documents of it: it was never loaded, for one
        metadata, config = self._documents[key]
        reason = _absence(entry) if not loaded else _death(entry, dead)
        return VersionMessage(
            model=entry.model,
            version=entry.version,
            loaded=loaded,
            ready=loaded and not reason,
            reason=reason,
            metadata_json=metadata,
            config_json=config,
        )

    async def _renew(self, key: _Key) -> None:
        """Read a version's documents; where Triton refuses them, no other version is the worse.

        That is so in the moment before it is unloaded: those from before go on being true.
        """
        try:
            self._documents[key] = await self._read_documents(*key)
        except DocumentRefused as error:
            if key in self._documents_before:
                self._documents[key] = self._documents_before[key]
            elif key not in self._refused:
                self._refused.add(key)
                _log.warning("version_unseen", model=key[0], version=key[1], reason=str(error))
        else:
            self._refused.discard(key)

    async def _read_documents(self, model: str, version: int) -> _Documents:
        path = f"/v2/models/{quote(model, safe='')}/versions/{version}"
        metadata = await read_document(self._upstream, path)
        return metadata, await read_document(self._upstream, f"{path}/config")

    def _dead_stubs(self, entries: Sequence[IndexEntry], stubs: Sequence[Stub]) -> list[Stub]:
        """List those that versions of now are served by.

        One that hung in a request when its version was unloaded stays a zombie for as long as the
        server lives: whoever is dead while its version is not ready says nothing of a later load.
        """
        dead = [one for one in stubs if one.dead and not one.is_complementing]
        ready = [one for one in entries if one.is_ready]
        self._bygone = {
            stub.pid
            for stub in dead
            if stub.pid in self._bygone or not any(_serves(stub, entry) for entry in ready)
        }
        return [one for one in dead if one.pid not in self._bygone]

    def _scan(self) -> list[Stub]:
        if self._pid_file is None:
            return []
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError) as error:
            message = "tritonserver is not running"
            raise TritonAway(message) from error
        return self._watch.scan(pid)


def connect(server: ExtraServer, secret: str) -> ServerReader:
    """Make the reader of a server beside the main one."""
    upstream = Upstream(parse_address(server.http_url), max_idle=1)
    index = GrpcIndex(parse_address(server.grpc_url), secret)
    return ServerReader(upstream, index, StubWatch(), Path(server.pid_file))


def _absence(entry: IndexEntry) -> str:
    return load_reason(entry.reason, entry.model) if entry.reason else ""


def _death(entry: IndexEntry, dead: Sequence[Stub]) -> str:
    is_dead = any(_serves(stub, entry) for stub in dead)
    return "its Python process has died" if is_dead else ""


def _serves(stub: Stub, entry: IndexEntry) -> bool:
    return (stub.model, stub.version) == (entry.model, entry.version)
