"""Holds what a version takes and gives against the live one: who was right stays right."""

import asyncio
from collections.abc import Mapping
from typing import Any

from control.contracts.contract_changes import diff_promises
from control.contracts.faults import ContractBroken
from control.core.contract import Contract, derive_contract
from control.core.contract_diff import ContractDiff, diff_contracts
from control.verification.plain_words import listed, plain
from control.verification.scratch_repository import read_json_config
from control.verification.trial import Copy, Trial
from control.verification.verdicts import Bad, Skipped


async def check_contract(copy: Copy) -> str:
    """Compare by what config.pbtxt and contract.yaml say."""
    if not copy.config.get("input"):
        message = "config.pbtxt names no inputs: Triton asks the model when it loads it"
        raise Skipped(message)
    return await asyncio.to_thread(_compare, copy, derive_contract(copy.config))


async def check_loaded_contract(trial: Trial) -> str:
    """Compare by what Triton says of the loaded version: it may have added to the config."""
    return await asyncio.to_thread(_compare, trial.copy, trial.new.contract)


def _compare(copy: Copy, new: Contract) -> str:
    version = copy.job.live
    diff = _diff(copy, _live_contract(copy), new)
    if diff.breaking:
        raise Bad(f"breaks callers of version {version}: {listed(diff.breaking)}")
    return listed(diff.compatible) or f"as version {version}"


def _diff(copy: Copy, live: Contract, new: Contract) -> ContractDiff:
    try:
        theirs = copy.promise(copy.job.live or 0, live)
    except ContractBroken:  # one file for both, and made for the new one: it binds no caller yet
        return diff_contracts(live, new)
    try:
        return diff_promises(theirs, copy.promise(copy.job.version, new))
    except ContractBroken as error:
        raise Bad(f"its contract does not fit its config: {plain(str(error))}") from error


def _live_contract(copy: Copy) -> Contract:
    config: Mapping[str, Any] = read_json_config(copy.job.live_config_json)
    if copy.job.live is None or not config.get("input"):
        message = "there is no live version to compare with"
        raise Skipped(message)
    return derive_contract(config)
