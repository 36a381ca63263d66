"""Loads the version, and the live one to measure against, each under a name of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from control.check.model_config import read_config
from control.contracts.faults import ContractBroken
from control.core.contract import derive_contract
from control.profiling.meter import ProcessMeter
from control.verification.asking import REQUEST_TIMEOUT_S, Subject
from control.verification.loading import load_version
from control.verification.plain_words import plain
from control.verification.scratch_repository import (
    copy_model,
    for_measuring,
    read_json_config,
    write_config,
)
from control.verification.scratch_triton import ScratchTriton
from control.verification.trial import Copy
from control.verification.verdicts import Bad, CannotJudge

#: What the live version is called in the scratch server, after this: loads, processes and failures
#: of the two cannot be confused.
_LIVE: Final = "live_"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version that has been loaded, and the seconds that it took."""

    subject: Subject
    took_s: float


class NoLive(Exception):
    """There is no live version to measure against; the message says why."""


async def load_new(copy: Copy, triton: ScratchTriton) -> Loaded:
    """Load the version on trial; raises Bad."""
    write_config(copy.folder, copy.config, copy.job.version)
    return await load_as(copy, triton, copy.folder.name, copy.job.version)


@asynccontextmanager
async def loading_live(copy: Copy, triton: ScratchTriton) -> AsyncIterator["asyncio.Task[Loaded]"]:
    """Load the live version meanwhile; the task fails with NoLive where that cannot be."""
    task = asyncio.create_task(_load_live(copy, triton))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, NoLive, CannotJudge):
            await task


async def _load_live(copy: Copy, triton: ScratchTriton) -> Loaded:
    job = copy.job
    if job.live is None:
        message = "no version is live yet"
        raise NoLive(message)
    name, files = _LIVE + job.model, Path(job.live_folder)
    try:
        folder = await asyncio.to_thread(
            copy_model, triton.repository, name, files.parent, job.live, files
        )
        config = read_json_config(job.live_config_json) or read_config(files.parent)
        write_config(folder, for_measuring(config), job.live)
        return await load_as(copy, triton, name, job.live)
    except (OSError, ContractBroken) as error:
        message = f"version {job.live} cannot be copied: {plain(str(error))}"
        raise NoLive(message) from error
    except Bad as error:
        message = f"version {job.live} {error}"
        raise NoLive(message) from error


async def load_as(copy: Copy, triton: ScratchTriton, name: str, version: int) -> Loaded:
    """Load what lies in the scratch repository under a name; raises Bad."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    stubs = await load_version(triton, name, version, copy.job.policy.load_timeout_s)
    took_s = loop.time() - began_s
    meter = ProcessMeter(stubs.look())
    config = await triton.document(f"/v2/models/{name}/versions/{version}/config")
    contract = derive_contract(config)
    try:
        rules = copy.rules(version, contract)
    except ContractBroken as error:
        raise Bad(f"its contract does not fit the config as loaded: {plain(str(error))}") from error
    config_json = msgspec.json.encode(config)
    subject = Subject(triton, name, version, contract, config_json, rules, stubs, meter)
    if rules is not None and rules.protection.deadline_s is not None:
        subject.timeout_s = max(REQUEST_TIMEOUT_S, rules.protection.deadline_s)
    return Loaded(subject, took_s)
