"""What may lie in a version's folder, and what is told of all else."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from control.repository.content import checksum, content_digest
from control.repository.names import (
    is_almost_model_name,
    is_almost_version,
    is_model_name,
    version_of,
)
from control.repository.reading import ContentReader
from control.repository.refusals import SourceChanged
from control.repository.scan import look_at
from control.repository.tree import TreeFile, read_model_files, read_version
from control.triton.repository import inspect_repository
from tests.repository.source_models import VERSION, write_files, write_model


def put_socket(version: Path) -> None:
    """A socket's name may not be long, so it is bound from within its folder."""
    here = Path.cwd()
    os.chdir(version)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("talk")
    os.chdir(here)


def put_two_links_to_each_other(version: Path) -> None:
    """Two folders, each of which holds a link to the other."""
    for one, other in (("left", "right"), ("right", "left")):
        (version / one).mkdir()
        (version / one / "across").symlink_to(f"../{other}")


ODD: list[tuple[Callable[[Path], object], str]] = [
    (lambda version: os.mkfifo(version / "pipe"), "pipe is a FIFO, no regular file"),
    (put_socket, "talk is a socket, no regular file"),
    (
        lambda version: (version / "passwd").symlink_to("/etc/passwd"),
        "passwd is a link to outside of the model's folder",
    ),
    (
        lambda version: (version / "null").symlink_to("/dev/null"),
        "null is a link to outside of the model's folder",
    ),
    (
        lambda version: (version / "up").symlink_to("../../other/1/model.py"),
        "up is a link to outside of the model's folder",
    ),
    (lambda version: (version / "gone").symlink_to("none"), "gone is a link to nothing"),
    (
        lambda version: (version / "self").symlink_to("self"),
        "self is a link that leads in a circle, or to nothing",
    ),
    (
        lambda version: (version / "weights" / "again").symlink_to(".."),
        "weights/again is a link that leads in a circle",
    ),
    (put_two_links_to_each_other, "left/across/across is a link that leads in a circle"),
    (
        lambda version: (version / "all").symlink_to("../.."),
        "all is a link to outside of the model's folder",
    ),
]


@pytest.mark.parametrize(("put", "fault"), ODD, ids=[fault for _, fault in ODD])
def test_what_is_no_file_is_told(tmp_path: Path, put: Callable[[Path], object], fault: str) -> None:
    """Looking never waits, never leaves the model, and says what it has found."""
    write_model(tmp_path, "other", 1)
    version = write_model(tmp_path, "m", 1) / "1"
    put(version)
    assert read_version(version).fault == fault


def test_a_version_may_be_a_link_within_its_model(tmp_path: Path) -> None:
    """As any link in it; one that leads elsewhere is told."""
    model = write_model(tmp_path, "m", 1)
    (model / "kept").mkdir()
    write_files(model / "kept", VERSION)
    (model / "2").symlink_to("kept")
    (model / "3").symlink_to("/etc")
    (model / "4").symlink_to("4")
    assert read_version(model / "2").fault == ""
    assert content_digest(model / "2") == content_digest(model / "1")
    assert "outside" in read_version(model / "3").fault
    assert "in a circle" in read_version(model / "4").fault


def test_links_within_the_model_stand_for_what_they_lead_to(tmp_path: Path) -> None:
    """A link's content is its target's: the digest does not tell one from the other."""
    model = write_model(tmp_path, "m", 1)
    write_files(model / "shared", {"first.bin": VERSION["weights/first.bin"]})
    second = write_files(model / "2", {k: VERSION[k] for k in ("model.py", "numbers_of_it.py")})
    (second / "weights").symlink_to("../shared")
    assert read_version(second).fault == ""
    assert content_digest(second) == content_digest(model / "1")


def test_a_folder_has_bounds(tmp_path: Path) -> None:
    """Neither very many files nor very deep folders are gone through to the end."""
    version = write_model(tmp_path, "m", 1) / "1"
    deep = version
    for _ in range(70):
        deep /= "d"
        deep.mkdir()
    assert "lies more than 64 folders deep" in read_version(version).fault
    wide = write_model(tmp_path, "wide", 1) / "1"
    write_files(wide, dict.fromkeys(map(str, range(1000)), ""))
    seen = read_version(wide, max_entries=1000)
    assert seen.fault == "the folder holds more than 1000 files"
    assert len(seen.files) <= 1000


def test_a_fingerprint_tells_what_is_served_from_what_is_not(tmp_path: Path) -> None:
    """Bytecode and the version's contract change nothing; hidden files show only activity."""
    version = write_model(tmp_path, "m", 1) / "1"
    before = read_version(version)
    write_files(version, {"__pycache__/model.pyc": "x", "contract.yaml": "mode: observe"})
    assert read_version(version) == before
    write_files(version, {".model.onnx.Xy12": "half"})
    hidden = read_version(version)
    assert hidden.fingerprint == before.fingerprint
    assert hidden.activity != before.activity
    write_files(version, {"weights/second.bin": "2"})
    assert read_version(version).fingerprint != before.fingerprint


def test_a_copy_that_keeps_times_does_not_hide_a_change(tmp_path: Path) -> None:
    """A file of the same size and time is another file all the same."""
    version = write_model(tmp_path, "m", 1) / "1"
    before = read_version(version)
    file = version / "weights" / "first.bin"
    found = file.stat()
    fresh = version / "weights" / "fresh"
    fresh.write_text("2" * found.st_size)
    os.utime(fresh, ns=(found.st_atime_ns, found.st_mtime_ns))
    fresh.replace(file)
    assert read_version(version).fingerprint != before.fingerprint


def test_a_build_that_is_copied_over_another_with_its_times_is_seen(tmp_path: Path) -> None:
    """Reproducible builds have the same times and often the same size: ``cp -p`` keeps the file."""
    version = write_model(tmp_path, "m", 1) / "1"
    file = version / "weights" / "first.bin"
    os.utime(file, (1, 1))
    before = read_version(version)
    file.write_text("2" * file.stat().st_size)
    os.utime(file, (1, 1))
    after = read_version(version)
    assert after.fingerprint != before.fingerprint
    reader = ContentReader()
    first, second = (reader.read(version, tree) for tree in (before, after))
    assert first is None, "it has been changed since"
    assert second
    assert second.digest == content_digest(version)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((one, True) for one in ("m", "sentiment-3", "a.b_c", "7", "X" * 200)),
        *((one, False) for one in ("my model", "sentiment(copy)", "a?b", "a%b", "é", "-m", "m\n")),
    ],
)
def test_models_have_plain_names(name: str, is_one: bool) -> None:
    """Others keep tritonserver from starting, or cannot be asked for."""
    assert is_model_name(name) == is_one
    assert is_almost_model_name(name) != is_one


def test_a_folder_that_is_misnamed_is_told_and_left_alone(tmp_path: Path) -> None:
    """Neither hidden folders nor drafts are meant as models."""
    for model in ("m", "m (copy)", ".m", "_m"):
        write_model(tmp_path, model, 1)
    write_files(tmp_path, {"read me.txt": "x", "m/007/model.py": "x"})
    look = look_at(tmp_path)
    assert set(look.models) == {"m"}
    assert look.misnamed == {
        "m (copy)": "its name must have letters, digits, '.', '_' and '-' only",
        "m/007": "its name is no version",
    }
    found = inspect_repository(tmp_path)
    assert (found.loadable, [one.model for one in found.refused]) == (["m"], ["m (copy)"])


def test_model_files_are_what_lies_beside_versions(tmp_path: Path) -> None:
    """Neither versions nor what may be meant as one, neither contract nor golden requests."""
    model = write_model(tmp_path, "m", 1)
    names = ["warmup/zeros", "labels.txt", "contract.yaml", "golden.json", ".git/x"]
    names += ["1000_classes.txt", "12", "007.txt"]
    write_files(model, dict.fromkeys([*names, "007/model.py", "1 (copy)/model.py"], "x"))
    seen = [file.name for file in read_model_files(model).files]
    assert seen == ["007.txt", "1000_classes.txt", "config.pbtxt", "labels.txt", "warmup/zeros"]


def test_links_beside_versions_are_taken_for_what_they_lead_to(tmp_path: Path) -> None:
    """A folder that may be meant as a version is none of the model's files; a circle is told."""
    model = write_model(tmp_path, "m", 1)
    write_files(model, {"labels.txt": "x", "007/model.py": "x"})
    (model / "80_classes.txt").symlink_to("labels.txt")
    (model / "08").symlink_to("007")
    seen = read_model_files(model)
    assert [file.name for file in seen.files] == ["80_classes.txt", "config.pbtxt", "labels.txt"]
    (model / "0_self").symlink_to("0_self")
    fault = "0_self is a link that leads in a circle, or to nothing"
    assert read_model_files(model).fault == fault


@pytest.mark.parametrize(
    ("name", "version"),
    [
        *(("1", 1), ("10", 10), (str(2**63 - 1), 2**63 - 1)),
        *((one, None) for one in ("0", "007", "-1", "+1", "1.0", "1 (copy)", "²", "٣", "", " 1")),
        *((one, None) for one in (str(2**63), "9" * 5000, "1\n")),
    ],
)
def test_versions_are_plain_numbers(name: str, version: int | None) -> None:
    """Digits without a leading zero, above nought, within 63 bits."""
    assert version_of(name) == version
    assert is_almost_version(name) == (version is None and name[:1].isdecimal())


def test_a_file_that_became_a_fifo_holds_nobody(tmp_path: Path) -> None:
    """Between a look and the opening anything can happen: it is told at once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    file = TreeFile("pipe", pipe, size=0, looks=())
    with pytest.raises(SourceChanged, match="pipe is no regular file any more"):
        checksum(file)
