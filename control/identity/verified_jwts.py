"""A bounded memory of JWTs that were verified: a signature costs forty times a look into it."""

import threading
from typing import Final

from control.core.access import Identity
from control.identity.jwks import KeySet

_CACHED: Final = 4096


class VerifiedJwts:
    """JWTs that were verified with one key set: the least recently used are forgotten first."""

    def __init__(self, keys: KeySet) -> None:
        """Remember none yet."""
        self.keys = keys
        self._entries: dict[bytes, tuple[Identity, float]] = {}
        self._lock = threading.Lock()  # guards the entries: Flask's threads ask beside the loop

    def get(self, fingerprint: bytes) -> tuple[Identity, float] | None:
        """Give the identity and the expiry of a JWT by its SHA-256; None where it is not known."""
        with self._lock:
            entry = self._entries.pop(fingerprint, None)
            if entry is not None:
                self._entries[fingerprint] = entry  # a dict keeps its order: this one is last now
            return entry

    def put(self, fingerprint: bytes, identity: Identity, expires_s: float) -> None:
        """Remember a JWT that was verified."""
        with self._lock:
            if len(self._entries) >= _CACHED:
                del self._entries[next(iter(self._entries))]
            self._entries[fingerprint] = identity, expires_s
