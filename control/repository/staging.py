"""Makes Seawall's own copy of a version, which nobody else writes to."""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from control.repository.bytecode import compile_python
from control.repository.content import content_digest, open_regular
from control.repository.names import shown
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.repository.tree import TreeFile, read_version

_CHUNK_BYTES: Final = 1024 * 1024
#: Makes a file share another's blocks, where the file system can: Linux's FICLONE.
_CLONE: Final = 0x40049409
#: Why a file cannot be linked but may well be copied: another file system, or its rules.
_NO_LINK: Final = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
)


@dataclass(frozen=True, slots=True)
class Staged:
    """What was copied: ``digest`` is of the content, as ``content_digest`` gives it."""

    digest: str
    bytes: int
    files: int


def stage(source: Path, target: Path) -> Staged:
    """Copy a version's folder to ``target``, which is there whole or not at all.

    Raises SourceChanged, SourceRefused or StagingFailed. Works for as long as the files are large:
    call it on a thread.
    """
    draft = target.with_name(f".{target.name}.draft")
    try:
        _remove(draft)  # of a process that was killed
        draft.parent.mkdir(parents=True, exist_ok=True)
        bytes_, files = copy_version(source, draft)
        compile_python([draft])
        digest = content_digest(draft)
        _remove(target)
        draft.rename(target)
    except OSError as error:
        raise StagingFailed(f"the files cannot be copied: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Staged(digest, bytes_, files)


def copy_version(
    source: Path, target: Path, go_on: Callable[[], None] = lambda: None
) -> tuple[int, int]:
    """Copy a version's files; gives how many bytes and files. Raises as ``stage``, and OSError.

    ``go_on`` is called before each file, and may raise.
    """
    try:
        before = read_version(source)
    except OSError as error:
        raise SourceChanged(f"the folder cannot be seen: {error.strerror}") from error
    if before.fault:
        raise SourceRefused(before.fault)
    target.mkdir()
    copied = copy_files(before.files, target, go_on)
    try:
        after = read_version(source)
    except OSError as error:
        raise SourceChanged(f"the folder cannot be seen: {error.strerror}") from error
    if after.fingerprint != before.fingerprint:
        raise SourceChanged("its files have been changed while they were copied")
    return copied


def copy_files(
    files: Iterable[TreeFile], target: Path, go_on: Callable[[], None] = lambda: None
) -> tuple[int, int]:
    """Copy files into a folder that is ours; gives how many bytes and files.

    A file that nobody may write to is linked: it takes no space, and cannot change.
    """
    total, count = 0, 0
    for file in files:
        go_on()
        place = target / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (file.is_frozen and _link(file, place)):
            _copy(file, place)
        total, count = total + file.size, count + 1
    return total, count


def _link(file: TreeFile, place: Path) -> bool:
    try:
        os.link(file.path, place, follow_symlinks=False)
    except FileNotFoundError as error:
        raise SourceChanged(f"{shown(file.name)} is gone") from error
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    return True


def _copy(file: TreeFile, place: Path) -> None:
    with open_regular(file) as source, place.open("xb") as out:
        if not _clone(source, out):
            shutil.copyfileobj(source, out, _CHUNK_BYTES)
        mode = os.fstat(source.fileno()).st_mode
        os.fchmod(out.fileno(), (mode & 0o111) | 0o644)


def _clone(source: IO[bytes], out: IO[bytes]) -> bool:
    try:
        fcntl.ioctl(out.fileno(), _CLONE, source.fileno())
    except OSError:
        return False
    return True


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
