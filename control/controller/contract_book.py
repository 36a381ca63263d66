"""The contract of every model version: read from the repository, replaced only by a good one."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import msgspec

from control.contracts.artifacts import ArtifactMissing, ArtifactStore
from control.contracts.faults import ContractBroken, Fault
from control.contracts.files import find_contract
from control.contracts.folder import ResolvedContract, read_contract, revive
from control.core.contract import Contract, derive_contract
from control.errors import StateUnavailable
from control.lane import Lane
from control.observability.logs import get_logger

#: A broken contract is looked at again this often: what mends it may be another file.
_RETRY_S: Final = 1.0
#: A look takes longer only where the file system hangs; the first may have to read much.
_PATIENCE_S: Final = 1.0
_FIRST_PATIENCE_S: Final = 10.0
#: Of the versions of a model that Triton has no more, the contracts of so many are kept.
MOST_GONE: Final = 16

_log = get_logger("contracts")

Key = tuple[str, int]
#: Everything that shows whether files must be read again; empty while the folder is away.
Fingerprint = tuple[object, ...]


class LastGood(Protocol):
    """Where the last good contract of each version outlives the controller."""

    def load_all(self) -> Mapping[Key, bytes]:
        """Give all resolved contracts, the last one that was kept last."""
        ...

    def save(self, model: str, version: int, revision: str, document: bytes) -> None:
        """Keep one."""
        ...

    def remove(self, model: str, version: int) -> None:
        """Forget one."""
        ...


@dataclass(frozen=True, slots=True)
class ContractState:
    """One version's contract: what holds, and what is wrong with the file that does not.

    ``document`` is the resolved contract in JSON, empty where only Triton's config holds.
    """

    document: bytes = b""
    revision: str = ""
    mode: str = ""
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class _Entry:
    config: bytes
    state: ContractState
    named: tuple[Path, ...] = ()
    seen: Fingerprint = ()
    changing: Fingerprint = ()
    checked_s: float = 0.0


class ContractBook:
    """Looks at the files on each ``update``; shows the outcome in ``states``."""

    def __init__(
        self,
        repository: Path,
        artifacts: ArtifactStore,
        last_good: LastGood,
        retry_s: float = _RETRY_S,
    ) -> None:
        """Read contracts from ``repository``; go on from what ``last_good`` has kept."""
        self._repository = repository
        self._retry_s = retry_s
        self._artifacts = artifacts
        self._last_good = last_good
        self._kept = dict(last_good.load_all())
        self._entries: dict[Key, _Entry] = {}
        self._lane = Lane("contracts", 1)
        self._late: tuple[Key, asyncio.Task[None]] | None = None

    @property
    def states(self) -> dict[Key, ContractState]:
        """The state of every version's contract, as of the last update."""
        return {key: entry.state for key, entry in self._entries.items()}

    async def update(self, model: str, version: int, config_json: bytes) -> ContractState:
        """Give the contract that holds now; reads on a thread where a file has changed.

        Where the repository does not answer, what held goes on holding.
        """
        key = (model, version)
        entry = self._entries.get(key)
        if entry is None or entry.config != config_json:
            entry = self._entries[key] = await asyncio.to_thread(self._begin, key, config_json)
        if self._is_free(key):
            await self._look_at(key, entry)
        return entry.state

    def forget_others(self, keys: set[Key]) -> None:
        """Forget versions that Triton no longer has."""
        for key in self._entries.keys() - keys:
            del self._entries[key]

    def tidy_artifacts(self) -> None:
        """Remove files that no kept contract needs: only while nobody has a snapshot yet."""
        needed = set[str]()
        for document in self._kept.values():
            with contextlib.suppress(msgspec.MsgspecError):
                resolved = msgspec.json.decode(document, type=ResolvedContract)
                needed.update(resolved.tokenizers.values())
        self._artifacts.keep_only(needed)

    def _is_free(self, key: Key) -> bool:
        """Whether no earlier look is late; one that has come back gives others their turn."""
        if self._late is None:
            return True
        late_key, look = self._late
        if not look.done():
            return False
        self._late = None
        look.result()
        return key != late_key

    async def _look_at(self, key: Key, entry: _Entry) -> None:
        look = asyncio.create_task(self._lane.do(self._read_if_due, key, entry))
        patience_s = _PATIENCE_S if entry.checked_s else _FIRST_PATIENCE_S
        await asyncio.wait({look}, timeout=patience_s)
        if look.done():
            look.result()
            return
        self._late = key, look
        _log.error("contract_unseen", model=key[0], version=key[1], effect="what held stays")

    def _read_if_due(self, key: Key, entry: _Entry) -> None:
        if self._is_due(key, entry):
            self._read(key, entry)

    def _is_due(self, key: Key, entry: _Entry) -> bool:
        """Whether to read: files have changed, and are as they were at the last look.

        A file that is still being written may well be half a contract, and a good one.
        """
        if entry.state.faults and time.monotonic() - entry.checked_s >= self._retry_s:
            return True
        now = self._fingerprint(key, entry.named)
        if now == entry.seen:
            return False
        is_still = now == entry.changing or not entry.seen
        entry.changing = now
        return is_still

    def _fingerprint(self, key: Key, named: tuple[Path, ...]) -> Fingerprint:
        """Look at the files: a few system calls."""
        model, version = key
        folder = self._repository / model
        file = find_contract(folder, version)
        try:
            if file is None:
                return (folder.stat().st_ino,)
            return (os.fspath(file), _look(file), *map(_look, named))
        except OSError:
            return ()

    def _begin(self, key: Key, config_json: bytes) -> _Entry:
        """Start from the kept contract, if it still fits the model's config."""
        kept = self._kept.get(key, b"")
        if not kept:
            return _Entry(config_json, ContractState())
        try:
            resolved = msgspec.json.decode(kept, type=ResolvedContract)
            contract = _derive(config_json)
            compiled = revive(resolved, contract, self._artifacts.counters(resolved))
        except (ContractBroken, ArtifactMissing, msgspec.MsgspecError) as error:
            _log.warning("kept_contract_ignored", model=key[0], version=key[1], reason=str(error))
            return _Entry(config_json, ContractState())
        mode = "enforce" if compiled.enforced else "observe"
        return _Entry(config_json, ContractState(kept, compiled.revision, mode))

    def _read(self, key: Key, entry: _Entry) -> None:
        model, version = key
        before = self._fingerprint(key, ())
        entry.checked_s = time.monotonic()
        if not before:
            return  # the whole folder is away: what held goes on holding
        try:
            source = read_contract(self._repository / model, version, _derive(entry.config))
        except ContractBroken as error:
            entry.named, entry.seen = (), before
            self._complain(key, entry, error.faults)
            return
        entry.named = source.named if source else ()
        entry.seen = self._fingerprint(key, entry.named)
        if self._fingerprint(key, ()) != before:
            entry.seen = before  # written to meanwhile: another look will tell
            return
        if source is None:
            self._adopt(key, entry, ContractState())
            return
        try:
            self._artifacts.put(source.tokenizers)
        except OSError as error:
            message = f"its tokenizers cannot be kept: {error.strerror}"
            self._complain(key, entry, (Fault(source.file.name, 0, "", message),))
            return
        document = msgspec.json.encode(source.resolved)
        mode = "enforce" if source.compiled.enforced else "observe"
        self._adopt(key, entry, ContractState(document, source.resolved.revision, mode))

    def _complain(self, key: Key, entry: _Entry, faults: tuple[Fault, ...]) -> None:
        if entry.state.faults != faults:
            _log.error(
                "contract_refused",
                model=key[0],
                version=key[1],
                faults=list(map(str, faults)),
                effect=f"revision {entry.state.revision} stays"
                if entry.state.revision
                else "only Triton's config is checked",
            )
        entry.state = replace(entry.state, faults=faults)

    def _adopt(self, key: Key, entry: _Entry, state: ContractState) -> None:
        if state == entry.state:
            return
        self._keep(key, state)
        entry.state = state
        _log.info(
            "contract_adopted",
            model=key[0],
            version=key[1],
            revision=state.revision,
            mode=state.mode or "derived",
        )

    def _keep(self, key: Key, state: ContractState) -> None:
        """Let a contract outlive the controller; one that cannot be kept holds all the same."""
        model, version = key
        try:
            if state.document:
                self._kept.pop(key, None)
                self._kept[key] = state.document  # the last one kept stands last
                self._last_good.save(model, version, state.revision, state.document)
                self._forget_oldest(model)
            elif self._kept.pop(key, None) is not None:
                self._last_good.remove(model, version)
        except StateUnavailable as error:
            _log.error("contract_not_kept", model=model, version=version, reason=error.message)

    def _forget_oldest(self, model: str) -> None:
        gone = [key for key in self._kept if key[0] == model and key not in self._entries]
        for key in gone[:-MOST_GONE]:
            self._last_good.remove(*key)
            del self._kept[key]


def _look(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _derive(config_json: bytes) -> Contract:
    return derive_contract(msgspec.json.decode(config_json, type=dict[str, object]))
