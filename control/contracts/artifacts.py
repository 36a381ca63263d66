"""Files that contracts need, kept by their SHA-256: a model's folder may change or go."""

import contextlib
import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from control.contracts.engines import TokenCounter
from control.contracts.folder import ResolvedContract
from control.contracts.named_files import token_counter


class ArtifactMissing(Exception):
    """A file that a contract needs is gone, or is not what it was."""


@dataclass(frozen=True, slots=True)
class ArtifactStore:
    """A directory of immutable files, written by the controller, read by gateways."""

    directory: Path

    def put(self, files: Mapping[str, bytes]) -> None:
        """Keep files, by digest; each appears whole or not at all."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for digest, data in files.items():
            path = self.directory / digest
            if path.exists() and path.read_bytes() == data:
                continue
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_bytes(data)
            draft.replace(path)

    def keep_only(self, digests: Collection[str]) -> None:
        """Remove all other files, and what killed processes have left half written."""
        for path in self.directory.glob("*"):
            if path.name not in digests:
                with contextlib.suppress(OSError):  # it costs its space, and nothing else
                    path.unlink()

    def counters(self, resolved: ResolvedContract) -> dict[str, TokenCounter]:
        """Load the tokenizers of a contract, by input; raises ArtifactMissing."""
        return {name: self._counter(digest) for name, digest in resolved.tokenizers.items()}

    def _counter(self, digest: str) -> TokenCounter:
        try:
            data = (self.directory / digest).read_bytes()
        except OSError as error:
            message = f"tokenizer {digest[:12]} cannot be read: {error.strerror}"
            raise ArtifactMissing(message) from error
        if hashlib.sha256(data).hexdigest() != digest:
            message = f"tokenizer {digest[:12]} was changed on disk"
            raise ArtifactMissing(message)
        return token_counter(digest, data)
