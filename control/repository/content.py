"""Reads files of a repository: their checksums, and one for a whole version."""

import hashlib
import os
import stat
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from control.repository.names import shown
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.tree import TreeFile, read_version


def open_regular(file: TreeFile) -> BufferedReader:
    """Open a file that was seen to be a regular one; what has become of it since holds nobody.

    Raises SourceChanged where it is something else by now, SourceRefused where it may not be read.
    """
    try:
        # A FIFO would make a plain open wait for its writer.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError as error:
        raise SourceRefused(f"{shown(file.name)} cannot be read: {error.strerror}") from error
    except FileNotFoundError as error:
        raise SourceChanged(f"{shown(file.name)} is gone") from error
    opened = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise SourceChanged(f"{shown(file.name)} is no regular file any more")
    return opened


def checksum(file: TreeFile) -> str:
    """Give a file's SHA-256 in hexadecimal; raises as ``open_regular``, and OSError."""
    with open_regular(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def digest_of(checksums: Iterable[tuple[str, str]]) -> str:
    """Give one SHA-256 for all of a version's files, by their names and their checksums."""
    whole = hashlib.sha256()
    for name, one in sorted(checksums):
        whole.update(os.fsencode(name) + b"\0" + bytes.fromhex(one))
    return whole.hexdigest()


def content_digest(folder: Path) -> str:
    """Give the SHA-256 of all that is served of a version; reads all of it.

    It is the same for a version's source, its staged copy and its served one.
    """
    return digest_of((file.name, checksum(file)) for file in read_version(folder).files)
