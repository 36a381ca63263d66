"""The operator's JWKS file, watched: a broken one never takes the place of a good one."""

from pathlib import Path

from control.identity.jwks import MAX_DOCUMENT_BYTES, JwksFault, KeySet, read_key_set
from control.observability.logs import get_logger

_log = get_logger("identity")


class JwksFile:
    """``keys`` are those of the last good file; ``fault`` says what is wrong with the one now."""

    def __init__(self, path: Path | None) -> None:
        """Watch ``path``; None is no file, and no keys."""
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self.keys = KeySet()
        self.fault = ""

    def poll(self) -> None:
        """Look at the file, and read it where it has changed."""
        if self._path is None:
            return
        try:
            found = self._path.stat()
            seen = found.st_mtime_ns, found.st_size, found.st_ino
            if seen == self._seen:
                return
            with self._path.open("rb") as file:
                document = file.read(MAX_DOCUMENT_BYTES + 1)
            self._seen = seen
            self.keys = read_key_set(document)
        except OSError as error:
            self._seen = None
            self._complain(f"it cannot be read: {error.strerror}")
        except JwksFault as fault:
            self._complain(str(fault))
        else:
            self.fault = ""
            _log.info("jwks_read", keys=self.keys.count)

    def _complain(self, fault: str) -> None:
        if fault != self.fault:
            _log.error("jwks_not_usable", reason=fault, effect="the last good keys stay")
        self.fault = fault
