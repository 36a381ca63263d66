"""Seawall's own copy of a version."""

import os
import py_compile
import shutil
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from control.repository.content import content_digest
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.repository.staging import copy_version, stage
from control.repository.tree import read_version
from tests.repository.crash_points import dies_at_each_point, names_in
from tests.repository.source_models import (
    VERSION,
    content_of,
    write_files,
    write_model,
    write_plain_model,
)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version's folder in a source."""
    return write_model(tmp_path / "source", "m", 1) / "1"


def test_a_staged_version_is_like_its_source(tmp_path: Path, version: Path) -> None:
    """The same files with the same content and digest, without what does not belong to it."""
    write_files(version, {".hidden": "h", "__pycache__/model.pyc": "p", "contract.yaml": "c"})
    (version / "weights" / "link.bin").symlink_to("first.bin")
    staged = stage(version, tmp_path / "staged" / "m" / "1")
    wanted = {name: text.encode() for name, text in VERSION.items()}
    wanted["weights/link.bin"] = wanted["weights/first.bin"]
    assert content_of(tmp_path / "staged" / "m" / "1") == wanted
    assert staged.digest == content_digest(version) == content_digest(tmp_path / "staged/m/1")
    assert (staged.files, staged.bytes) == (4, sum(map(len, wanted.values())))
    assert not (tmp_path / "staged" / "m" / "1" / "weights" / "link.bin").is_symlink()


def test_a_digest_is_of_names_and_content_alone(tmp_path: Path, version: Path) -> None:
    """Neither times nor order count; another name, or another byte, does."""
    copy = shutil.copytree(version, tmp_path / "copy" / "1")
    os.utime(copy / "model.py", (1, 1))
    assert content_digest(copy) == content_digest(version)
    (copy / "model.py").rename(copy / "model2.py")
    renamed = content_digest(copy)
    (copy / "model2.py").rename(copy / "model.py")
    write_files(copy, {"weights/first.bin": "1" * 999 + "2"})
    assert len({content_digest(version), renamed, content_digest(copy)}) == 3


def test_what_becomes_of_a_source_does_not_change_its_copy(tmp_path: Path, version: Path) -> None:
    """Its owner may write to a file that nobody may write to, and so may root."""
    weights = version / "weights" / "first.bin"
    weights.chmod(0o444)
    before = read_version(version)
    staged = stage(version, tmp_path / "staged")
    assert read_version(version) == before, "staging is no change of the source"
    copies = tmp_path / "staged"
    assert stat.S_IMODE((copies / "weights" / "first.bin").stat().st_mode) == 0o444
    assert stat.S_IMODE((copies / "model.py").stat().st_mode) == 0o644
    weights.chmod(0o644)
    weights.write_text("another build")
    assert content_digest(copies) == staged.digest


def test_python_is_compiled_beforehand(tmp_path: Path, version: Path) -> None:
    """For the interpreter that runs it; what does not compile is left to the loading."""
    write_files(version, {"broken.py": "def (", "deep.py": "(" * 100_000 + ")" * 100_000})
    stage(version, tmp_path / "staged")
    tag = sys.implementation.cache_tag
    compiled = sorted(one.name for one in (tmp_path / "staged" / "__pycache__").iterdir())
    assert compiled == [f"model.{tag}.pyc", f"numbers_of_it.{tag}.pyc"]


def test_bytecode_is_never_written_again(tmp_path: Path, version: Path) -> None:
    """It holds whatever its source's time: importing it writes nothing."""
    stage(version, tmp_path / "staged")
    os.utime(tmp_path / "staged" / "numbers_of_it.py", (1, 1))
    (cached,) = (tmp_path / "staged" / "__pycache__").glob("numbers*")
    flags = int.from_bytes(cached.read_bytes()[4:8], "little")
    assert flags == 1, py_compile.PycInvalidationMode.UNCHECKED_HASH


def test_what_must_not_be_there_is_refused(tmp_path: Path, version: Path) -> None:
    """With the reason, and nothing is left of the copy."""
    os.mkfifo(version / "pipe")
    with pytest.raises(SourceRefused) as caught:
        stage(version, tmp_path / "staged" / "1")
    assert caught.value.reason == "pipe is a FIFO, no regular file"
    assert names_in(tmp_path / "staged") == set()


def test_a_source_that_changes_meanwhile_is_not_complete(tmp_path: Path, version: Path) -> None:
    """What was copied is one state of it, or no copy at all."""
    with pytest.raises(SourceChanged):
        copy_version(
            version, tmp_path / "copy", lambda: (version / "late.bin").write_text("x") and None
        )
    shutil.rmtree(version)
    with pytest.raises(SourceChanged):
        stage(version, tmp_path / "staged")


def test_a_writer_never_slips_a_torn_copy_through(tmp_path: Path) -> None:
    """Two files that change together are staged together, while somebody writes all the time."""
    version = write_files(tmp_path / "m" / "1", {"one": "0", "two": "0"})
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for name in ("one", "two"):
                fresh = version / f".{name}"
                fresh.write_text(str(number))
                fresh.replace(version / name)

    writing = threading.Thread(target=write)
    writing.start()
    outcomes = {True: 0, False: 0}
    deadline_s = time.monotonic() + 1.0
    try:
        while time.monotonic() < deadline_s:
            try:
                stage(version, tmp_path / "staged")
            except SourceChanged:
                outcomes[False] += 1
                continue
            outcomes[True] += 1
            one, two = ((tmp_path / "staged" / name).read_text() for name in ("one", "two"))
            assert int(one) - int(two) in {0, 1}
    finally:
        stop.set()
        writing.join()
    assert outcomes[False] > 0


def test_a_copy_that_cannot_be_made_is_told_apart_from_a_bad_version(
    tmp_path: Path, version: Path
) -> None:
    """The version may be good: the same content may be tried again."""
    (tmp_path / "file").touch()
    with pytest.raises(StagingFailed, match="cannot be copied: Not a directory"):
        stage(version, tmp_path / "file" / "staged")


def test_staging_again_replaces_what_was_staged(tmp_path: Path, version: Path) -> None:
    """Whatever an earlier attempt has left."""
    target = tmp_path / "staged" / "1"
    stage(version, target)
    write_files(version, {"weights/first.bin": "other"})
    again = stage(version, target)
    assert (target / "weights" / "first.bin").read_text() == "other"
    assert again.digest == content_digest(target)
    assert names_in(tmp_path / "staged") & {".1.draft"} == set()


def test_a_death_while_staging_leaves_a_whole_copy_or_none(tmp_path: Path) -> None:
    """At whatever point: the next attempt finds nothing in its way."""
    version = write_plain_model(tmp_path, "m", 1) / "1"
    target = tmp_path / "staged" / "1"

    def begin_anew() -> None:
        shutil.rmtree(target.parent, ignore_errors=True)

    for _ in dies_at_each_point(lambda: stage(version, target), begin_anew):
        if target.exists():
            assert content_of(target) == content_of(version)
        stage(version, target)
        assert names_in(target.parent) >= {"1", "1/model.onnx"}
        assert not any(name.startswith(".") for name in names_in(target.parent))
