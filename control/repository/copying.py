"""Copies files so that neither changes with the other; large ones as cheaply as can be."""

import fcntl
import os
import shutil
import stat
from pathlib import Path
from typing import IO, Final

_CHUNK_BYTES: Final = 1024 * 1024
#: Files up to this size are copied wherever there is a choice.
_SMALL_BYTES: Final = 1024 * 1024
_KERNEL_CHUNK_BYTES: Final = 1024 * _CHUNK_BYTES
#: Makes a file share another's blocks, where the file system can: Linux's FICLONE.
_CLONE: Final = 0x40049409
_WRITE_BITS: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def copy_content(source: IO[bytes], out: IO[bytes]) -> None:
    """Fill a new file with another's content; both have just been opened. Raises OSError.

    Where the file system can share blocks until one of the two is written to (XFS, Btrfs), it
    takes neither time nor room.
    """
    if not _clone(source, out):
        _copy_in_kernel(source, out)
        shutil.copyfileobj(source, out, _CHUNK_BYTES)  # what the kernel would not


def is_writable(mode: int) -> bool:
    """Whether a file's permissions let anybody write to it."""
    return bool(mode & _WRITE_BITS)


def copy_own(source: str, target: str) -> None:
    """Copy a file that is served, or may be, to another folder of ours; raises OSError.

    A model may write to its own files while it is tried. One that nobody may write to is linked:
    a copy would take the room, and the memory, of a second model.
    """
    place, found = _look(source)
    _put(place, target, may_link=not is_writable(found.st_mode))


def share_own(source: str, target: str) -> None:
    """Give a file a second place in a folder of ours: where what becomes of it harms no request.

    A large one is linked, whoever may write to it. Raises OSError.
    """
    place, found = _look(source)
    _put(place, target, may_link=found.st_size > _SMALL_BYTES)


def _look(source: str) -> tuple[Path, os.stat_result]:
    place = Path(os.path.realpath(source))
    found = place.stat()
    if not stat.S_ISREG(found.st_mode):
        message = f"{place.name} is no regular file"  # a FIFO would hold its reader for ever
        raise shutil.SpecialFileError(message)
    return place, found


def _put(place: Path, target: str, *, may_link: bool) -> None:
    """Copy with its times: bytecode may go by them."""
    if may_link:
        try:
            os.link(place, target)
        except OSError:
            pass  # another file system, or its rules: a copy will do
        else:
            return
    with place.open("rb") as given, Path(target).open("xb") as out:
        copy_content(given, out)
    shutil.copystat(place, target)


def _clone(source: IO[bytes], out: IO[bytes]) -> bool:
    try:
        fcntl.ioctl(out.fileno(), _CLONE, source.fileno())
    except OSError:
        return False
    return True


def _copy_in_kernel(source: IO[bytes], out: IO[bytes]) -> None:
    """Copy as far as the kernel can, which may be not at all."""
    try:
        while os.copy_file_range(source.fileno(), out.fileno(), _KERNEL_CHUNK_BYTES):
            pass
    except OSError:
        return  # a plain copy goes on from there, and tells what is wrong with the files
