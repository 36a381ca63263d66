"""Which file of a version its code begins with."""

from collections.abc import Mapping
from typing import Any, Final

PYTHON: Final = "python"
#: By Python backend; Triton's own lets a config name another one.
_FILES: Final = {PYTHON: "model.py", "guarded": "compute.py"}


def entry_file(config: Mapping[str, Any]) -> str:
    """Give its name, for a config in JSON form; empty for a backend that looks for itself."""
    backend = config.get("backend", "")
    named = config.get("default_model_filename", "") if backend == PYTHON else ""
    return named or _FILES.get(backend, "")


def file_that_ends_a_load(config: Mapping[str, Any]) -> str:
    """Give the file without which a load of Triton's never comes back; empty where it does."""
    return entry_file(config) if config.get("backend") == PYTHON else ""
