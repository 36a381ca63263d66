"""The canary policy of each version, as its contract file says now.

A file system that hangs keeps only those waiting who need the policy to begin with.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from control.contracts.canary import canary_policy
from control.contracts.faults import ContractBroken
from control.contracts.files import find_contract, read_file
from control.contracts.reading import read_document
from control.contracts.yaml_tree import MAX_FILE_BYTES, parse_yaml
from control.core.canary_policy import DEFAULT_CANARY, CanaryPolicy, Isolation
from control.repository.mentions import is_named_by_others

_FRESH_S: Final = 1.0
#: Reading takes longer only where the file system hangs.
_PATIENCE_S: Final = 5.0
#: Who is under way or served is asked for all along; others are forgotten after this time.
_FORGOTTEN_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """When a contract was looked at; ``is_said``: the policy stood there, whole."""

    read_s: float = -_FORGOTTEN_S
    policy: CanaryPolicy = DEFAULT_CANARY
    is_said: bool = False


class Policies:
    """Read from the source repository, at most once a second. Any thread may call."""

    def __init__(self, repository: Path) -> None:
        """Read the contracts in ``repository``."""
        self._repository = repository
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int | None], _Reading] = {}
        self._threads = ThreadPoolExecutor(1, "policies")
        self._asked: set[tuple[str, int | None]] = set()

    def of(self, model: str, version: int | None) -> CanaryPolicy:
        """Give a version's policy; what cannot be read goes on as it was read last. Reads files."""
        return self._look(model, version).policy

    async def soon(self, model: str, version: int | None) -> CanaryPolicy:
        """Give a version's policy; where reading takes long, as it was read last."""
        reading = asyncio.wrap_future(self._threads.submit(self._look, model, version))
        try:
            return (await asyncio.wait_for(reading, _PATIENCE_S)).policy
        except TimeoutError:
            return self._known_now(model, version).policy

    def said(self, model: str, version: int) -> CanaryPolicy | None:
        """Give what a version's contract said when it was read last, and have it read anew.

        None where there is none, it could not be read, or has not been yet. Waits for nothing.
        """
        reading = self._known_now(model, version)
        return reading.policy if reading.is_said else None

    def at_begin(self, model: str, version: int) -> CanaryPolicy:
        """Give the policy that a version's rollout begins with. Reads files.

        A model that others may call has a tritonserver of its own for it: a call within Triton
        that names no version would get the new one, and nobody would judge it.
        """
        policy = self.of(model, version)
        if policy.isolation is Isolation.SAME_SERVER and is_named_by_others(
            self._repository, model
        ):
            return replace(policy, isolation=Isolation.OWN_SERVER)
        return policy

    def _known_now(self, model: str, version: int | None) -> _Reading:
        key = (model, version)
        with self._lock:
            known = self._known.get(key, _Reading())
            is_asked = key in self._asked or time.monotonic() - known.read_s < _FRESH_S
            if not is_asked:
                self._asked.add(key)
        if not is_asked:
            self._threads.submit(self._read_beside, key)
        return known

    def _read_beside(self, key: tuple[str, int | None]) -> None:
        try:
            self._look(*key)
        finally:
            with self._lock:
                self._asked.discard(key)

    def _look(self, model: str, version: int | None) -> _Reading:
        key = (model, version)
        now_s = time.monotonic()
        with self._lock:
            known = self._known.get(key, _Reading())
        if now_s - known.read_s < _FRESH_S:
            return known
        reading = self._read(model, version, replace(known, read_s=now_s, is_said=False))
        with self._lock:
            if key not in self._known:
                self._forget(now_s - _FORGOTTEN_S)
            self._known[key] = reading
        return reading

    def _forget(self, before_s: float) -> None:
        for key in [one for one, known in self._known.items() if known.read_s < before_s]:
            del self._known[key]

    def _read(self, model: str, version: int | None, known: _Reading) -> _Reading:
        folder = self._repository / model
        try:
            file = find_contract(folder, 0 if version is None else version)
            if file is None:
                return replace(known, policy=DEFAULT_CANARY) if folder.is_dir() else known
            name = str(file.relative_to(folder))
            document = read_document(parse_yaml(read_file(file, name, MAX_FILE_BYTES), name))
        except (ContractBroken, OSError):
            return known
        return replace(known, policy=canary_policy(document), is_said=True)
