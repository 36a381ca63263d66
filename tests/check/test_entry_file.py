"""Which file a version's code begins with: one answer for all who ask."""

from pathlib import Path

import pytest

from control.check.entry_file import completed, entry_file, file_that_ends_a_load


@pytest.mark.parametrize(
    ("config", "file", "ends_a_load"),
    [
        ({"backend": "python"}, "model.py", "model.py"),
        ({"backend": "python", "default_model_filename": "main.py"}, "main.py", "main.py"),
        ({"backend": "guarded", "default_model_filename": "main.py"}, "compute.py", ""),
        ({"backend": "onnxruntime", "default_model_filename": "main.onnx"}, "", ""),
        ({"platform": "ensemble"}, "", ""),
    ],
)
def test_it_is_known_by_the_config(config: dict[str, str], file: str, ends_a_load: str) -> None:
    """Triton's own Python backend heeds the config, and never comes back without the file."""
    assert entry_file(config) == file
    assert file_that_ends_a_load(config) == ends_a_load


@pytest.mark.parametrize(
    ("config", "files", "backend"),
    [
        ({}, ["1/model.py", "2/README"], "python"),
        ({}, ["2/README", "10/model.py"], "python"),
        ({}, ["1/README", ".x/model.py"], "python"),
        ({}, ["1/README", "2/model.py"], None),
        ({}, ["2/model.py", "10/README"], None),
        ({}, ["1/model.py", "1/model.onnx", "2/README"], None),
        ({}, ["1/model.py", "1/model.pt", "2/README"], None),
        ({}, ["model.py"], None),
        ({"default_model_filename": "model.py"}, ["1/README"], "python"),
        ({"default_model_filename": "main.py"}, ["1/main.py", "1/model.py"], None),
        ({"platform": "custom"}, ["1/model.py"], None),
        ({"backend": "guarded"}, ["1/model.py"], "guarded"),
    ],
)
def test_a_config_without_a_backend_is_completed_as_triton_does(
    tmp_path: Path, config: dict[str, str], files: list[str], backend: str | None
) -> None:
    """Each case but the last two was tried out with tritonserver: Python is its last guess."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert completed(config, tmp_path) == (
        config if backend is None else {"backend": backend} | config
    )


def test_a_folder_that_cannot_be_seen_completes_nothing(tmp_path: Path) -> None:
    """Triton cannot see it either, and says so at once."""
    assert completed({}, tmp_path / "none") == {}
