"""What is looked at before a load, since Triton would hang in it, and after it."""

from collections.abc import Collection, Mapping
from pathlib import Path

from control.check.entry_file import completed, file_that_ends_a_load
from control.check.model_config import read_config
from control.contracts.faults import ContractBroken
from control.triton.config_override import override
from control.triton.error_texts import load_reason
from control.triton.management import IndexEntry, LoadFailed


def config_for(folder: Path, versions: Collection[int]) -> str:
    """Give the config by which to load these versions of a model; raises LoadFailed."""
    try:
        config = read_config(folder)
    except ContractBroken as error:
        raise LoadFailed("; ".join(map(str, error.faults))) from error
    code = file_that_ends_a_load(completed(config, folder))
    faults = {version: _fault(folder / str(version), code) for version in sorted(versions)}
    _raise_if_any({version: fault for version, fault in faults.items() if fault})
    return override(config, sorted(versions))


def must_be_ready(entries: Mapping[int, IndexEntry], model: str, versions: Collection[int]) -> None:
    """Raise LoadFailed: Triton says that it has loaded a model of which it has not all versions."""
    reasons = {}
    for version in sorted(versions):
        entry = entries.get(version)
        if entry is None:
            reasons[version] = "tritonserver has not found it"
        elif not entry.is_ready:
            reasons[version] = load_reason(entry.reason, model)
    _raise_if_any(reasons)


def _fault(folder: Path, code: str) -> str:
    if not folder.is_dir():
        return f"there is no folder '{folder.name}'"
    if code and not (folder / code).is_file():
        return f"there is no {code}"
    return ""


def _raise_if_any(reasons: Mapping[int, str]) -> None:
    if reasons:
        raise LoadFailed.of(reasons)
