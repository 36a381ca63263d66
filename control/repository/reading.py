"""Reads the content of dropped versions: once for each state that a folder is in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from control.core.settling import Sums
from control.repository.checksums import MAX_SUMS_BYTES, SUMS, SumsBroken, compare, parse_sums
from control.repository.content import checksum, digest_of, open_regular
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.tree import Tree, TreeFile, read_version


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder with this fingerprint holds; ``fault`` is what is wrong with its checksums."""

    fingerprint: str
    digest: str = ""
    sums: Sums = Sums.NONE
    fault: str = ""


class ContentReader:
    """Remembers the checksums of files, so that only changed ones are read again.

    Belongs to one thread at a time.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def read(self, folder: Path, tree: Tree) -> Reading | None:
        """Read a version whose folder looked like ``tree``; None where it has been changed.

        Raises OSError where the folder cannot be read.
        """
        try:
            got = {file.name: self._checksum(file) for file in tree.files}
            sums, fault = _compare(tree, got)
        except SourceRefused as error:
            return Reading(tree.fingerprint, sums=Sums.WRONG, fault=error.reason)
        except SourceChanged:
            return None
        if read_version(folder).fingerprint != tree.fingerprint:
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
        found = checksum(file)
        self._known[file.path] = (file.looks, found)
        return found


def _compare(tree: Tree, got: Mapping[str, str]) -> tuple[Sums, str]:
    file = sums_file(tree)
    if file is None:
        return Sums.NONE, ""
    if file.size > MAX_SUMS_BYTES:
        return Sums.WRONG, f"{SUMS} must have {MAX_SUMS_BYTES} bytes at most, got {file.size}"
    with open_regular(file) as opened:
        text = opened.read(MAX_SUMS_BYTES).decode(errors="surrogateescape")
    try:
        return compare(parse_sums(text), got)
    except SumsBroken as error:
        return Sums.WRONG, str(error)


def sums_file(tree: Tree) -> TreeFile | None:
    """Give the list of checksums among a version's files."""
    return next((file for file in tree.files if file.name == SUMS), None)
