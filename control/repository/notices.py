"""Hears from the kernel at once that something has happened in folders, by inotify.

It is only told that a look is worth while, and what was renamed in as a whole; a look at the
folders tells the rest. So lost notices, and file systems that give none, do no harm.
"""

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from inotify_simple import INotify, flags

from control.observability.logs import get_logger

#: Not MODIFY: while a large file is written, there is nothing to see that polling does not see.
_MASK: Final = (
    flags.CREATE
    | flags.CLOSE_WRITE
    | flags.MOVED_FROM
    | flags.MOVED_TO
    | flags.DELETE
    | flags.DELETE_SELF
    | flags.MOVE_SELF
    | flags.ONLYDIR
    | flags.EXCL_UNLINK
)

_log = get_logger("repository")


class FolderNotices:
    """Notices about a set of folders. Belongs to one thread at a time."""

    def __init__(self) -> None:
        """Follow no folder yet; raises OSError where the kernel has no inotify left to give."""
        self._inotify = INotify(nonblocking=True)
        self._followed: dict[int, Path] = {}
        self._is_exhausted = False

    def fileno(self) -> int:
        """Give the file descriptor that becomes readable with the first notice."""
        return int(self._inotify.fileno())

    def close(self) -> None:
        """Follow nothing any more."""
        self._inotify.close()

    def take_renamed(self) -> set[Path]:
        """Take all notices; give the folders that were renamed into a followed one."""
        renamed: set[Path] = set()
        for event in self._inotify.read(timeout=0):
            folder = self._followed.get(event.wd)
            if event.mask & flags.IGNORED:
                self._followed.pop(event.wd, None)
            elif folder is not None and event.mask & flags.MOVED_TO and event.mask & flags.ISDIR:
                renamed.add(folder / event.name)
        return renamed

    def follow(self, folders: Iterable[Path]) -> None:
        """Follow these folders and no others; what is gone already is not missed."""
        followed: dict[int, Path] = {}
        for folder in folders:
            try:
                # A folder that is followed already keeps its number; one of the same name that
                # has taken its place gets a new one.
                followed.setdefault(self._inotify.add_watch(folder, _MASK), folder)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    self._tell_exhausted()
                    break
        for number in self._followed.keys() - followed.keys():
            self._forget(number)
        self._followed = followed

    def _forget(self, number: int) -> None:
        try:
            self._inotify.rm_watch(number)
        except OSError as error:
            if error.errno != errno.EINVAL:  # gone by itself, with its folder
                raise

    def _tell_exhausted(self) -> None:
        if not self._is_exhausted:
            self._is_exhausted = True
            _log.warning("inotify_exhausted", limit="fs.inotify.max_user_watches", effect="polling")


def open_notices() -> FolderNotices | None:
    """Give notices; None where the kernel has none to give, which leaves polling."""
    try:
        return FolderNotices()
    except OSError as error:
        _log.warning("inotify_unavailable", reason=error.strerror, effect="polling")
        return None
