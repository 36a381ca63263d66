"""Which file of a version its code begins with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

PYTHON: Final = "python"
#: By Python backend; Triton's own lets a config name another one.
_FILES: Final = {PYTHON: "model.py", "guarded": "compute.py"}
#: By any of these Triton knows another backend, before it thinks of Python.
_FILES_OF_OTHERS: Final = frozenset(
    {"model.graphdef", "model.onnx", "model.plan", "model.pt", "model.savedmodel", "model.xml"}
)


def entry_file(config: Mapping[str, Any]) -> str:
    """Give its name, for a config in JSON form; empty for a backend that looks for itself."""
    backend = config.get("backend", "")
    named = config.get("default_model_filename", "") if backend == PYTHON else ""
    return named or _FILES.get(backend, "")


def file_that_ends_a_load(config: Mapping[str, Any]) -> str:
    """Give the file without which a load of Triton's never comes back; empty where it does."""
    return entry_file(config) if config.get("backend") == PYTHON else ""


def completed(config: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Give a model's config with the backend that Triton gives it, where that is Python."""
    if config.get("backend") or not _is_taken_for_python(config, folder):
        return config
    return {**config, "backend": PYTHON}


def _is_taken_for_python(config: Mapping[str, Any], folder: Path) -> bool:
    named = config.get("default_model_filename")
    if named or config.get("platform"):
        return named == _FILES[PYTHON]
    try:
        files = _files_of_first(folder)
    except OSError:
        return False  # Triton cannot see it either, and says so at once
    return _FILES[PYTHON] in files and files.isdisjoint(_FILES_OF_OTHERS)


def _files_of_first(folder: Path) -> set[str]:
    """Look where Triton looks: into the first folder by the bytes of its name, version or not."""
    folders = sorted(folder.iterdir(), key=lambda one: os.fsencode(one.name))
    first = next((one for one in folders if one.is_dir()), None)
    return {one.name for one in first.iterdir()} if first is not None else set()
