"""Which file a version's code begins with: one answer for all who ask."""

import pytest

from control.check.entry_file import entry_file, file_that_ends_a_load


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
