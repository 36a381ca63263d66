"""Makes Seawall's own copy of a version, which nobody else writes to."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from control.repository.bytecode import compile_python
from control.repository.content import content_digest, open_regular
from control.repository.copying import copy_content, is_writable
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.repository.tree import TreeFile, read_version


@dataclass(frozen=True, slots=True)
class Staged:
    """What was copied: ``digest`` is of the content, as ``content_digest`` gives it.

    ``model_digest`` is of what was copied of the model beside it; empty where nothing was.
    """

    digest: str
    bytes: int
    files: int
    model_digest: str = ""


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

    None is linked, whatever its permissions: who owns a file can change them, and root need not.
    """
    total, count = 0, 0
    for file in files:
        go_on()
        place = target / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        _copy(file, place)
        total, count = total + file.size, count + 1
    return total, count


def _copy(file: TreeFile, place: Path) -> None:
    with open_regular(file) as source, place.open("xb") as out:
        copy_content(source, out)
        mode = os.fstat(source.fileno()).st_mode
        os.fchmod(out.fileno(), (mode & 0o111) | (0o644 if is_writable(mode) else 0o444))


def _remove(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
