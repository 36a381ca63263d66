"""Looks through a model repository for what must not reach tritonserver."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PYTHON_BACKEND: Final = re.compile(r"""^\s*backend\s*:\s*["']python["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Refused:
    """A model that is not loaded, and why."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """Which models to load."""

    loadable: list[str]
    refused: list[Refused]


def inspect_repository(repository: Path) -> Inspection:
    """Sort the models into loadable and refused; hidden folders and plain files are no models."""
    loadable: list[str] = []
    refused: list[Refused] = []
    for folder in sorted(repository.iterdir()):
        if not folder.is_dir() or folder.name.startswith((".", "_")):
            continue
        reason = _refusal(folder)
        if reason is None:
            loadable.append(folder.name)
        else:
            refused.append(Refused(folder.name, reason))
    return Inspection(loadable, refused)


def _refusal(folder: Path) -> str | None:
    config = folder / "config.pbtxt"
    if not config.is_file():
        return "has no config.pbtxt"
    versions = [one for one in folder.iterdir() if one.is_dir() and _is_version(one.name)]
    if not versions:
        return "has no version folder"
    if not _PYTHON_BACKEND.search(config.read_text(errors="replace")):
        return None
    # The load of a Python model without model.py hangs for ever, and with it the whole start.
    empty = sorted(int(one.name) for one in versions if not (one / "model.py").is_file())
    return f"version {empty[0]} has no model.py" if empty else None


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit()
