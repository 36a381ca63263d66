"""What is refused before it reaches Triton, and what is found after a load."""

from pathlib import Path

import pytest

from control.triton.load_checks import config_for, must_be_ready
from control.triton.management import IndexEntry, LoadFailed


def model(directory: Path, config: str, *files: str) -> Path:
    """A model's folder with these files."""
    folder = directory / "m"
    folder.mkdir()
    (folder / "config.pbtxt").write_text(config)
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.mark.parametrize(
    ("config", "files", "reason"),
    [
        ('backend: "python"', ["1/model.py", "2/other.py"], "there is no model.py"),
        ("max_batch_size: 1", ["1/model.py", "2/other.py"], "there is no model.py"),
        ('backend: "python"', ["1/model.py"], "there is no folder '2'"),
        ('backend: "onnxruntime"', ["1/model.onnx"], "there is no folder '2'"),
        (
            'backend: "python" default_model_filename: "main.py"',
            ["1/main.py", "2/model.py"],
            "there is no main.py",
        ),
        (
            'backend: "python"',
            [],
            "version 1: there is no folder '1'; version 2: there is no folder '2'",
        ),
        ("backend:", ["1/model.py"], "config.pbtxt:1: is not a model config"),
    ],
)
def test_what_would_hang_is_refused(
    tmp_path: Path, config: str, files: list[str], reason: str
) -> None:
    """A version without its file never comes up, nor back."""
    folder = model(tmp_path, config, *files)
    with pytest.raises(LoadFailed) as failed:
        config_for(folder, {1, 2})
    assert failed.value.reason.startswith(reason)


@pytest.mark.parametrize("backend", ["guarded", "onnxruntime"])
def test_other_backends_know_their_own_files(tmp_path: Path, backend: str) -> None:
    """Only Triton's Python backend hangs for want of a file."""
    folder = model(tmp_path, f'backend: "{backend}"', "1/anything")
    assert backend in config_for(folder, [1])


def test_a_version_that_is_not_ready_has_failed() -> None:
    """Triton calls a load a success that has not found a version."""
    entries = {
        1: IndexEntry("m", 1, "READY", ""),
        2: IndexEntry("m", 2, "UNAVAILABLE", "Internal: no GPU"),
    }
    must_be_ready(entries, "m", {1})
    with pytest.raises(LoadFailed) as failed:
        must_be_ready(entries, "m", {1, 2, 3})
    assert failed.value.by_version == {2: "no GPU", 3: "tritonserver has not found it"}
