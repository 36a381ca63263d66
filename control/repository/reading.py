"""Reads the content of dropped versions: once for each state that a folder is in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from control.core.settling import Sums
from control.repository.checksums import MAX_SUMS_BYTES, SUMS, SumsBroken, compare, parse_sums
from control.repository.content import checksum, digest_of, open_regular
from control.repository.names import shown
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.tree import Tree, TreeFile, read_version


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder with this fingerprint holds; ``fault`` is what is wrong with its checksums."""

    fingerprint: str
    digest: str = ""
    sums: Sums = Sums.NONE
    fault: str = ""


class Unreadable(Exception):
    """The content cannot be read now; the message says which file, and why."""


class ContentReader:
    """Remembers the checksums of files, so that only changed ones are read again.

    Belongs to one thread at a time.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def read(self, folder: Path, tree: Tree) -> Reading | None:
        """Read a version whose folder looked like ``tree``; None where it has been changed.

        Raises Unreadable.
        """
        try:
            got = {file.name: self._checksum(file) for file in tree.files}
            sums, fault = _compare(tree, got)
        except SourceRefused as error:
            return Reading(tree.fingerprint, sums=Sums.WRONG, fault=error.reason)
        except SourceChanged:
            return None
        if _look(folder) != tree.fingerprint:
            return None
        return Reading(tree.fingerprint, digest_of(got.items()), sums, fault)

    def forget_others(self, trees: Iterable[Tree]) -> None:
        """Forget the checksums of files that are there no more."""
        kept = {file.path for tree in trees for file in tree.files}
        for path in self._known.keys() - kept:
            del self._known[path]

    def _checksum(self, file: TreeFile) -> str:
        known = self._known.get(file.path)
        if known is not None and known[0] == file.looks:
            return known[1]
        try:
            found = checksum(file)
        except OSError as error:
            raise Unreadable(f"{shown(file.name)} cannot be read: {error.strerror}") from error
        self._known[file.path] = (file.looks, found)
        return found


def _look(folder: Path) -> str:
    try:
        return read_version(folder).fingerprint
    except OSError as error:
        raise Unreadable(f"the folder cannot be read: {error.strerror}") from error


def _compare(tree: Tree, got: Mapping[str, str]) -> tuple[Sums, str]:
    file = sums_file(tree)
    if file is None:
        return Sums.NONE, ""
    if file.size > MAX_SUMS_BYTES:
        return Sums.WRONG, f"{SUMS} must have {MAX_SUMS_BYTES} bytes at most, got {file.size}"
    try:
        with open_regular(file) as opened:
            text = opened.read(MAX_SUMS_BYTES).decode(errors="surrogateescape")
        return compare(parse_sums(text), got)
    except SumsBroken as error:
        return Sums.WRONG, str(error)
    except OSError as error:
        raise Unreadable(f"{SUMS} cannot be read: {error.strerror}") from error


def sums_file(tree: Tree) -> TreeFile | None:
    """Give the list of checksums among a version's files."""
    return next((file for file in tree.files if file.name == SUMS), None)
