"""Looks through a model repository for what must not reach tritonserver."""

from dataclasses import dataclass
from pathlib import Path

from control.check.entry_file import completed, file_that_ends_a_load
from control.check.model_config import read_config
from control.contracts.faults import ContractBroken
from control.repository.names import (
    CONFIG,
    NO_MODEL_NAME,
    is_almost_model_name,
    is_model_name,
    shown,
    version_of,
)


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
    """Sort the models into loadable and refused; hidden folders and plain files are no models.

    One that cannot be looked at is refused. Raises OSError where the repository itself cannot be.
    """
    loadable: list[str] = []
    refused: list[Refused] = []
    for folder in sorted(repository.iterdir()):
        try:
            is_there = folder.is_dir()
            is_model = is_there and is_model_name(folder.name)
            reason = _refusal(folder) if is_model else None
        except OSError as error:  # one author's folder must not keep all others from being served
            refused.append(Refused(shown(folder.name), f"cannot be looked at: {error.strerror}"))
            continue
        if reason is not None:
            refused.append(Refused(folder.name, reason))
        elif is_model:
            loadable.append(folder.name)
        elif is_there and is_almost_model_name(folder.name):
            refused.append(Refused(shown(folder.name), NO_MODEL_NAME))
    return Inspection(loadable, refused)


def _refusal(folder: Path) -> str | None:
    if not (folder / CONFIG).is_file():
        return f"has no {CONFIG}"
    versions = [
        one for one in folder.iterdir() if version_of(one.name) is not None and one.is_dir()
    ]
    if not versions:
        return "has no version folder"
    try:
        code = file_that_ends_a_load(completed(read_config(folder), folder))
    except ContractBroken:
        return None  # Triton says so itself, at once
    # A load that hangs for want of its code takes the whole start with it.
    empty = sorted(int(one.name) for one in versions if code and not (one / code).is_file())
    return f"version {empty[0]} has no {code}" if empty else None
