"""The canary policy of each version, as its contract file says now."""

import threading
import time
from pathlib import Path
from typing import Final

from control.contracts.canary import canary_policy
from control.contracts.faults import ContractBroken
from control.contracts.folder import find_contract
from control.contracts.named_files import read_file
from control.contracts.reading import read_document
from control.contracts.yaml_tree import MAX_FILE_BYTES, parse_yaml
from control.core.canary_policy import DEFAULT_CANARY, CanaryPolicy, Isolation
from control.repository.mentions import is_named_by_others

_FRESH_S: Final = 1.0


class Policies:
    """Read from the source repository, at most once a second. Any thread may call."""

    def __init__(self, repository: Path) -> None:
        """Read the contracts in ``repository``."""
        self._repository = repository
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int | None], tuple[float, CanaryPolicy]] = {}

    def of(self, model: str, version: int | None) -> CanaryPolicy:
        """Give a version's policy; what cannot be read goes on as it was read last."""
        key = (model, version)
        now_s = time.monotonic()
        with self._lock:
            read_s, policy = self._known.get(key, (-_FRESH_S, DEFAULT_CANARY))
        if now_s - read_s < _FRESH_S:
            return policy
        policy = self._read(model, version, policy)
        with self._lock:
            self._known[key] = now_s, policy
        return policy

    def isolation(self, model: str, version: int) -> Isolation:
        """Say where a version is to be tried. Reads files.

        A model that others may call has a tritonserver of its own for it: a call within Triton
        that names no version would get the new one, and nobody would judge it.
        """
        isolation = self.of(model, version).isolation
        if isolation is Isolation.SAME_SERVER and is_named_by_others(self._repository, model):
            return Isolation.OWN_SERVER
        return isolation

    def _read(self, model: str, version: int | None, known: CanaryPolicy) -> CanaryPolicy:
        folder = self._repository / model
        try:
            file = find_contract(folder, 0 if version is None else version)
            if file is None:
                return DEFAULT_CANARY if folder.is_dir() else known
            name = str(file.relative_to(folder))
            return canary_policy(
                read_document(parse_yaml(read_file(file, name, MAX_FILE_BYTES), name))
            )
        except (ContractBroken, OSError):
            return known
