"""Which models of a repository reach tritonserver."""

from pathlib import Path

import pytest

from control.triton.repository import Refused, inspect_repository

PYTHON = 'backend: "python"\n'


def put(repository: Path, model: str, config: str | None, *files: str) -> None:
    """Write a model."""
    folder = repository / model
    folder.mkdir()
    if config is not None:
        (folder / "config.pbtxt").write_text(config)
    for file in files:
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.touch()


def test_models_are_sorted_into_loadable_and_refused(tmp_path: Path) -> None:
    """Each refusal says which model and why; hidden folders and plain files are no models."""
    put(tmp_path, "good", PYTHON, "1/model.py", "2/model.py")
    put(tmp_path, "onnx", 'backend: "onnxruntime"', "1/model.onnx")
    put(tmp_path, "guarded", 'backend: "guarded"', "1/compute.py")
    put(tmp_path, "main", f'{PYTHON} default_model_filename: "main.py"', "1/main.py")
    put(tmp_path, "misnamed", f'{PYTHON} default_model_filename: "main.py"', "1/model.py")
    put(tmp_path, "mistyped", "max_batch_size: many", "1/model.py")
    put(tmp_path, "no_config", None, "1/model.py")
    put(tmp_path, "no_version", PYTHON, "labels.txt", "latest/model.py")
    put(tmp_path, "half", PYTHON, "1/model.py", "3/weights", "2/weights")
    put(tmp_path, "unnamed", "max_batch_size: 1", "1/model.py", "2/weights")
    put(tmp_path, "unknown", "max_batch_size: 1", "1/model.onnx", "1/model.py", "2/weights")
    put(tmp_path, ".hidden", PYTHON, "1/x")
    put(tmp_path, "_draft", PYTHON, "1/x")
    (tmp_path / "README.md").touch()
    inspection = inspect_repository(tmp_path)
    assert inspection.loadable == ["good", "guarded", "main", "mistyped", "onnx", "unknown"]
    assert inspection.refused == [
        Refused("half", "version 2 has no model.py"),
        Refused("misnamed", "version 1 has no main.py"),
        Refused("no_config", "has no config.pbtxt"),
        Refused("no_version", "has no version folder"),
        Refused("unnamed", "version 2 has no model.py"),
    ]


@pytest.mark.parametrize(
    "config",
    [PYTHON, 'backend:"python"', "backend : 'python'", 'name: "empty"\n  backend: "python" # why'],
)
def test_a_python_model_is_known_however_it_is_written(tmp_path: Path, config: str) -> None:
    """The load of a Python model without code hangs for ever: no spelling may hide one."""
    put(tmp_path, "empty", config, "1/weights")
    assert inspect_repository(tmp_path).refused == [Refused("empty", "version 1 has no model.py")]


def test_a_comment_is_no_backend(tmp_path: Path) -> None:
    """What is commented out does not count."""
    put(tmp_path, "m", '# backend: "python"\nbackend: "guarded"', "1/compute.py")
    assert inspect_repository(tmp_path).loadable == ["m"]


@pytest.mark.parametrize("name", ["²", "x1", "1.0", "-1", "٣"])
def test_a_folder_that_is_no_number_is_no_version(tmp_path: Path, name: str) -> None:
    """Digits that are no version for Triton are none for us, and break nothing."""
    put(tmp_path, "m", PYTHON, f"{name}/weights", "1/model.py")
    assert inspect_repository(tmp_path).loadable == ["m"]


def test_a_model_that_cannot_be_looked_at_keeps_no_other_from_being_loaded(tmp_path: Path) -> None:
    """Its author may have closed the folder, or the file system fails there."""
    put(tmp_path, "good", PYTHON, "1/model.py")
    put(tmp_path, "inner", None, "1/model.py")
    for unseen in ("inner/config.pbtxt", "outer"):
        (tmp_path / unseen).symlink_to("x" * 300)  # looking at it fails for root, too
    inspection = inspect_repository(tmp_path)
    assert inspection.loadable == ["good"]
    reason = "cannot be looked at: File name too long"
    assert inspection.refused == [Refused("inner", reason), Refused("outer", reason)]
