"""Looks at all that lies in a folder, without opening any of it.

What has no place in a version is a fault: an open FIFO, for one, would hold its reader for ever.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from control.repository.names import (
    BYTECODE,
    CONTRACT,
    GOLDEN,
    is_almost_version,
    shown,
    version_of,
)

MAX_ENTRIES: Final = 100_000
MAX_DEPTH: Final = 64
_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file: ``name`` from the folder on, with slashes; ``path`` is where its content lies.

    ``looks`` are others as soon as anybody writes to it.
    """

    name: str
    path: Path
    size: int
    looks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder at one moment; ``fault`` is what it must not hold, empty where all is well.

    ``fingerprint`` changes with anything that would be served. ``activity`` also changes with
    hidden files, since some tools write those first. Neither trusts a time that a copy may keep
    from its original.
    """

    files: tuple[TreeFile, ...]
    folders: tuple[Path, ...]
    fingerprint: str
    activity: str
    fault: str = ""


def read_version(folder: Path, max_entries: int = MAX_ENTRIES) -> Tree:
    """Look at a version's folder; raises OSError where it cannot be seen.

    Its contract may change while it is served, and is no part of it.
    """
    home = os.path.realpath(folder.parent)
    walk = _Walk(home, max_entries)
    try:
        real = os.path.realpath(folder, strict=True)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        walk.find_fault("the folder is a link that leads in a circle")
        return walk.tree()
    if _is_within(real, home):
        walk.enter(real, "", (real,), lambda entry: entry.name == CONTRACT)
    else:
        walk.find_fault("the folder is a link to outside of the model's folder")
    return walk.tree()


def read_model_files(folder: Path) -> Tree:
    """Look at what a model has beside its versions; raises OSError where it cannot be seen."""
    home = os.path.realpath(folder, strict=True)
    walk = _Walk(home, MAX_ENTRIES)
    walk.enter(home, "", (home,), _is_no_model_file)
    return walk.tree()


def _is_no_model_file(entry: "os.DirEntry[str]") -> bool:
    if entry.name in {CONTRACT, GOLDEN} or version_of(entry.name) is not None:
        return True
    return is_almost_version(entry.name) and _is_folder(entry)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads to nothing that can be seen: that is told later on


class _Walk:
    """Goes through a folder and the links in it that stay within ``home``."""

    def __init__(self, home: str, max_entries: int) -> None:
        self._home = home
        self._max_entries = max_entries
        self._files: list[TreeFile] = []
        self._folders: list[Path] = []
        self._fault = ""
        self._entries = 0
        self._content, self._activity = sha256(), sha256()

    def tree(self) -> Tree:
        """Give what was seen."""
        content, activity = self._content.hexdigest(), self._activity.hexdigest()
        return Tree(tuple(self._files), tuple(self._folders), content, activity, self._fault)

    def find_fault(self, fault: str) -> None:
        """Note a fault; the first one is told."""
        self._fault = self._fault or fault

    def enter(
        self,
        folder: str,
        prefix: str,
        above: tuple[str, ...],
        leave_out: Callable[["os.DirEntry[str]"], bool],
    ) -> None:
        """Go through a folder; ``above`` is the way to it, itself included."""
        if len(above) > MAX_DEPTH:
            self.find_fault(f"{shown(prefix[:-1])} lies more than {MAX_DEPTH} folders deep")
            return
        self._folders.append(Path(folder))
        for entry in self._list(folder, prefix):
            if entry.name == BYTECODE or leave_out(entry):
                continue
            self._entries += 1
            if self._entries > self._max_entries:
                self.find_fault(f"the folder holds more than {self._max_entries} files")
                return
            self._take(entry, prefix + entry.name, above)

    def _list(self, folder: str, prefix: str) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as entries:
                return sorted(
                    _at_most(entries, self._max_entries + 1), key=lambda entry: entry.name
                )
        except FileNotFoundError:
            return []  # removed meanwhile: another look will tell
        except PermissionError as error:
            self.find_fault(
                f"{shown(prefix[:-1]) or 'the folder'} cannot be read: {error.strerror}"
            )
            return []

    def _take(self, entry: "os.DirEntry[str]", name: str, above: tuple[str, ...]) -> None:
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        self._note(name, found, is_content=not entry.name.startswith("."))
        if entry.name.startswith("."):
            return
        path = entry.path
        if stat.S_ISLNK(found.st_mode):
            target = self._follow(name, path)
            if target is None:
                return
            path, found = target
            self._note(name, found, is_content=True)
        self._sort_in(name, path, found, above)

    def _sort_in(self, name: str, path: str, found: os.stat_result, above: tuple[str, ...]) -> None:
        if stat.S_ISDIR(found.st_mode):
            if path in above:
                self.find_fault(f"{shown(name)} is a link that leads in a circle")
            else:
                self.enter(path, f"{name}/", (*above, path), _nothing)
        elif stat.S_ISREG(found.st_mode):
            self._files.append(TreeFile(name, Path(path), found.st_size, _looks(found)))
        else:
            kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
            self.find_fault(f"{shown(name)} is {kind}, no regular file")

    def _follow(self, name: str, path: str) -> tuple[str, os.stat_result] | None:
        try:
            real = os.path.realpath(path, strict=True)
            found = os.stat(real)  # noqa: PTH116 - a string, as all else here: there may be many
        except FileNotFoundError:
            self.find_fault(f"{shown(name)} is a link to nothing")
        except PermissionError as error:
            self.find_fault(f"{shown(name)} cannot be read: {error.strerror}")
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise
            self.find_fault(f"{shown(name)} is a link that leads in a circle, or to nothing")
        else:
            if _is_within(real, self._home):
                return real, found
            self.find_fault(f"{shown(name)} is a link to outside of the model's folder")
        return None

    def _note(self, name: str, found: os.stat_result, *, is_content: bool) -> None:
        """Add to the fingerprints: of folders only that they are there."""
        kind = stat.S_IFMT(found.st_mode)
        looks = () if kind == stat.S_IFDIR else _looks(found)
        line = f"{kind} {looks} ".encode() + os.fsencode(name) + b"\0"
        self._activity.update(line)
        if is_content:
            self._content.update(line)


def _looks(found: os.stat_result) -> tuple[int, ...]:
    """Give what a write changes: of the times one that only the kernel sets, too."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _nothing(_entry: "os.DirEntry[str]") -> bool:
    return False


def _is_within(path: str, home: str) -> bool:
    return path.startswith(f"{home.rstrip('/')}/")


def _at_most(entries: Iterator["os.DirEntry[str]"], count: int) -> Iterator["os.DirEntry[str]"]:
    for _, entry in zip(range(count), entries, strict=False):
        yield entry
