"""``SHA256SUMS`` in a version's folder: what its author says that belongs to it.

As ``sha256sum`` of GNU coreutils writes it: ``sha256sum $(find . -type f) > SHA256SUMS``.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from control.core.settling import Sums
from control.repository.names import is_part_of_version, shown

SUMS: Final = "SHA256SUMS"
MAX_SUMS_BYTES: Final = 32 * 1024 * 1024
_LINE: Final = re.compile(r"(?P<escaped>\\?)(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<name>.+)")
_ESCAPES: Final = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


class SumsBroken(Exception):
    """The list cannot be read; the message names the line."""


def parse_sums(text: str) -> dict[str, str]:
    """Give the checksums of what belongs to a version, by file name; raises SumsBroken."""
    sums: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise SumsBroken(f"{SUMS} line {number} is not '<sha256>  <file>'")
        name = found["name"]
        if found["escaped"]:
            name = re.sub(r"\\[\\nr]", lambda escape: _ESCAPES[escape[0]], name)
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise SumsBroken(f"{SUMS} line {number} names a file outside of the folder")
        # No file can hold its own checksum.
        if path.parts and is_part_of_version(str(path)) and str(path) != SUMS:
            sums[str(path)] = found["sha256"].lower()
    return sums


def compare(sums: Mapping[str, str], got: Mapping[str, str]) -> tuple[Sums, str]:
    """Hold the listed checksums against the files' own; gives also what is wrong, empty if none."""
    for name, wanted in sorted(sums.items()):
        if name not in got:
            return Sums.WRONG, f"{shown(name)} is missing: {SUMS} names it"
        if got[name] != wanted:
            return Sums.WRONG, (
                f"{shown(name)} is not the file that {SUMS} names:"
                f" its SHA-256 must be {wanted}, got {got[name]}"
            )
    return (Sums.ALL if got.keys() - sums.keys() <= {SUMS} else Sums.RIGHT), ""
