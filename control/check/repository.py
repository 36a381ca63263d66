"""Checks a whole repository without a server: config, contract, code, weights, requests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from control.check.fallbacks import fallback_complaints, versions_of
from control.check.golden import golden_faults
from control.check.model_config import read_config
from control.check.report import Report
from control.check.version_folder import version_faults
from control.contracts.faults import ContractBroken, Fault
from control.contracts.folder import ContractSource, read_contract
from control.contracts.yaml_tree import parse_yaml
from control.core.contract import Contract, derive_contract
from control.repository.names import CONFIG, CONTRACT
from control.triton.repository import inspect_repository


def check_repository(repository: Path, models: Sequence[str] = ()) -> Report:
    """Check the named models, or all; raises FileNotFoundError where one does not exist."""
    report = Report()
    inspection = inspect_repository(repository)
    found = {*inspection.loadable, *(one.model for one in inspection.refused)}
    unknown = sorted(set(models) - found)
    if unknown:
        message = f"no such model in {repository}: {', '.join(unknown)}"
        raise FileNotFoundError(message)
    for refused in inspection.refused:
        if not models or refused.model in models:
            report.add(refused.model, [Fault("", 0, "", f"is not loaded: {refused.reason}")])
    for model in sorted(found):
        if (not models or model in models) and (repository / model / CONFIG).is_file():
            check_model(repository / model, report)
    return report


def check_model(folder: Path, report: Report) -> None:
    """Add everything that is wrong in one model's folder."""
    report.count("models")
    try:
        config = read_config(folder)
    except ContractBroken as error:
        report.add(folder.name, error.faults)
        return
    faults: list[Fault] = []
    for version in sorted(versions_of(folder), key=int):
        report.count("versions")
        faults += version_faults(folder, version, config)
        faults += _contract_faults(folder, int(version), config, report)
    report.add(folder.name, dict.fromkeys(faults))  # a model's file is read once a version


def _contract_faults(
    folder: Path, version: int, config: dict[str, Any], report: Report
) -> list[Fault]:
    if not config.get("input"):
        if not (folder / CONTRACT).exists():
            return []
        message = "cannot be checked: config.pbtxt names no inputs"
        return [Fault(CONTRACT, 0, "", message)]
    contract = derive_contract(config)
    try:
        source = read_contract(folder, version, contract)
    except ContractBroken as error:
        return list(error.faults)
    if source is None:
        return list(golden_faults(folder, version, contract, None))
    report.count("contracts")
    faults = list(golden_faults(folder, version, contract, source.compiled))
    return faults + _fallback_faults(folder, source, contract)


def _fallback_faults(folder: Path, source: ContractSource, contract: Contract) -> list[Fault]:
    steps = source.compiled.protection.fallbacks
    complaints = list(fallback_complaints(steps, folder, contract))
    if not complaints:
        return []
    tree = parse_yaml(source.file.read_bytes(), str(source.file.relative_to(folder)))
    return [tree.fault(*one) for one in complaints]
