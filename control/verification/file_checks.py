"""What can be seen of a version without running it: its files, its config, its contract."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control.check.golden import golden_faults
from control.check.model_config import read_config
from control.check.version_folder import version_faults
from control.contracts.faults import ContractBroken, Fault
from control.core.contract import derive_contract
from control.repository.names import CONFIG
from control.repository.pinned_config import config_digest
from control.verification.job import Job
from control.verification.plain_words import listed, plain
from control.verification.scratch_repository import copy_model
from control.verification.trial import Copy
from control.verification.verdicts import Bad, CannotJudge


def copy_version(job: Job, repository: Path) -> Copy:
    """Copy the version into the scratch repository; raises Bad where its config cannot be read."""
    try:
        files, staged = Path(job.model_files), Path(job.staged)
        folder = copy_model(repository, job.model, files, job.version, staged, is_served=False)
    except OSError as error:
        message = f"the version cannot be copied: {plain(str(error))}"
        raise CannotJudge(message) from error
    try:
        text = (folder / CONFIG).read_text(errors="replace")
        return Copy(job, folder, read_config(folder), config_digest(text, job.model))
    except FileNotFoundError as error:
        raise Bad(f"{CONFIG} is missing") from error
    except ContractBroken as error:
        raise Bad(_told(error.faults)) from error


def is_ensemble(config: Mapping[str, Any]) -> bool:
    """Whether a config is of a model that only joins others."""
    return config.get("platform") == "ensemble" or "ensemble_scheduling" in config


async def check_files(copy: Copy) -> str:
    """Hold the files against what their backend needs, and the contract against the config."""
    return await asyncio.to_thread(_look_at_files, copy)


def _look_at_files(copy: Copy) -> str:
    version = copy.job.version
    faults = list(version_faults(copy.folder, str(version), copy.config))
    faults += _contract_faults(copy, copy.config)
    if faults:
        raise Bad(_told(faults))
    return "code, weights, config and contract fit together"


def _contract_faults(copy: Copy, config: dict[str, Any]) -> list[Fault]:
    if not config.get("input"):
        return []  # Triton will ask the model; see the check of the contract as loaded
    contract = derive_contract(config)
    try:
        rules = copy.rules(copy.job.version, contract)
    except ContractBroken as error:
        return list(error.faults)
    return list(golden_faults(Path(copy.job.source), copy.job.version, contract, rules))


def _told(faults: list[Fault] | tuple[Fault, ...]) -> str:
    return listed(plain(str(fault)) for fault in faults)
