"""Copies of files: which share what with their originals."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from control.repository import copying
from control.repository.copying import copy_content, copy_own, share_own

LARGE = b"1" * (3 * 1024 * 1024 + 1)

Copy = Callable[[str, str], None]


def copied(copy: Copy, folder: Path, content: bytes, mode: int) -> tuple[Path, Path]:
    """A file and its copy."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    source.chmod(mode)
    os.utime(source, (1, 1))
    copy(str(source), str(target))
    assert target.read_bytes() == content
    assert (target.stat().st_mode, target.stat().st_mtime) == (source.stat().st_mode, 1)
    return source, target


@pytest.mark.parametrize(
    ("copy", "content", "mode", "is_linked"),
    [
        (copy_own, LARGE, 0o644, False),
        (copy_own, LARGE, 0o444, True),
        (copy_own, b"small", 0o755, False),
        (share_own, LARGE, 0o644, True),
        (share_own, b"small", 0o644, False),
    ],
)
def test_only_what_may_change_with_its_copy_is_linked(
    tmp_path: Path, copy: Copy, content: bytes, mode: int, is_linked: bool
) -> None:
    """A model may write to its own files: that must not reach those that are served."""
    source, target = copied(copy, tmp_path, content, mode)
    assert source.samefile(target) == is_linked


def test_what_cannot_be_linked_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another file system, or by its rules."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    source, target = copied(copy_own, tmp_path, LARGE, 0o444)
    assert not source.samefile(target)


@pytest.mark.parametrize("fails_after", [0, 1])
def test_what_the_kernel_does_not_copy_is_copied_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_after: int
) -> None:
    """It may stop anywhere."""
    real, calls = os.copy_file_range, list[int]()

    def stop(source: int, target: int, count: int) -> int:
        calls.append(count)
        if len(calls) > fails_after:
            raise OSError
        return real(source, target, 1_000_000)

    monkeypatch.setattr(copying, "_clone", lambda *_: False)
    monkeypatch.setattr(os, "copy_file_range", stop)
    (tmp_path / "source").write_bytes(LARGE)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("xb") as out:
        copy_content(source, out)
    assert (tmp_path / "target").read_bytes() == LARGE
    assert len(calls) == fails_after + 1


def test_what_is_no_file_holds_nobody(tmp_path: Path) -> None:
    """A FIFO would."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(shutil.SpecialFileError, match="pipe is no regular file"):
        copy_own(str(tmp_path / "pipe"), str(tmp_path / "copy"))
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
