"""What processes held when they were fresh, kept in files for gateway workers that start later.

A worker that starts beside a busy process could not tell the loaded model from what requests have
left in its heap, and would take all of it for the model.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec


class _File(msgspec.Struct):
    used: int
    peak: int


@dataclass(slots=True)
class _Note:
    used: int
    peak: int


class MemoryNotes:
    """One file for each thing that is measured, under a name that is never used again."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in ``folder``, which need not exist."""
        self._folder = folder
        self._notes: dict[str, _Note] = {}

    def reusable(self, name: str, used: int, peak: int) -> int:
        """Give how much of the ``used`` belongs to requests.

        That is what it has grown by since it was smallest, up to the most that all requests were
        predicted to need at once; ``peak`` is the most of late.
        """
        note = self._read(name)
        if note is None:
            note = self._notes[name] = _Note(used, peak)
            self._write(name, note)
        elif used < note.used or peak > note.peak:
            note.used, note.peak = min(used, note.used), max(peak, note.peak)
            self._write(name, note)
        return min(used - note.used, note.peak)

    def keep_only(self, names: set[str]) -> None:
        """Forget all others, with their files."""
        for name in self._notes.keys() - names:
            del self._notes[name]
            (self._folder / name).unlink(missing_ok=True)

    def _read(self, name: str) -> _Note | None:
        """Give our note with what other workers have learned since."""
        own = self._notes.get(name)
        try:
            file = msgspec.json.decode((self._folder / name).read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError):
            return own
        if own is None:
            own = self._notes[name] = _Note(file.used, file.peak)
        own.used, own.peak = min(file.used, own.used), max(file.peak, own.peak)
        return own

    def _write(self, name: str, note: _Note) -> None:
        draft = self._folder / f"{name}.{os.getpid()}"
        with contextlib.suppress(OSError):  # a full disk costs a restarted worker its memory only
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(_File(note.used, note.peak)))
            draft.replace(self._folder / name)
