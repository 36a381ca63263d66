"""Has the live version answer with the config and the files that the drop brings for its model.

All versions of a model share them: once the new one is loaded, the live one runs with them too.
"""

import asyncio
from pathlib import Path
from typing import Final

from control.core.agreement import disagreement
from control.repository.content import checksum, digest_of
from control.repository.names import CONFIG
from control.repository.pinned_config import config_digest
from control.repository.tree import read_model_files
from control.verification.asking import NotAnswered, Subject
from control.verification.golden_check import answer_or_none
from control.verification.load_check import load_as
from control.verification.plain_words import plain
from control.verification.scratch_repository import copy_model, write_config
from control.verification.trial import Copy, Solo, Trial
from control.verification.verdicts import Bad, CannotJudge, Skipped

#: What the live version is called here, before its name: it is loaded as it is served, too.
_SHARING: Final = "sharing_"


async def check_shared_files(trial: Trial) -> str:
    """Load the live version with them, and ask it what the new one was asked."""
    live = trial.live
    if live is None:
        message = "there is no live version that would share the model's config and files"
        raise Skipped(message)
    try:
        if not await asyncio.to_thread(_are_others, trial.copy):
            return "the model's config and files are as they were"
        changed = await _load_with_them(trial, live)
    except OSError as error:
        message = f"the live version cannot be copied: {plain(str(error))}"
        raise CannotJudge(message) from error
    compared = [await _is_answered_alike(trial, live, changed, one) for one in trial.solos]
    return f"version {live.version} loads with them, and answers {sum(compared)} requests alike"


def _are_others(copy: Copy) -> bool:
    shared, served = Path(copy.job.model_files), Path(copy.job.live_folder).parent
    model = copy.job.model
    if config_digest((served / CONFIG).read_text(), model) != copy.digest:
        return True
    return _digest(shared) != _digest(served)


def _digest(model: Path) -> str:
    files = read_model_files(model).files
    return digest_of((one.name, checksum(one)) for one in files if one.name != CONFIG)


async def _load_with_them(trial: Trial, live: Subject) -> Subject:
    copy, triton, version = trial.copy, trial.triton, live.version
    name, shared = _SHARING + copy.job.model, Path(copy.job.model_files)
    # What it has been loaded from here is a copy already, and may be shared.
    files = triton.repository / live.name / str(version)
    folder = await asyncio.to_thread(
        copy_model, triton.repository, name, shared, version, files, is_served=False
    )
    write_config(folder, copy.config, version)
    try:
        return (await load_as(copy, triton, name, version)).subject
    except Bad as error:
        raise Bad(f"{_with_them(version)} {error}") from error


async def _is_answered_alike(trial: Trial, live: Subject, changed: Subject, solo: Solo) -> bool:
    """Whether it was compared: only what the live version answers, and always in the same way."""
    before = await answer_or_none(live, solo.request)
    again = await answer_or_none(live, solo.request)
    comparisons = trial.copy.job.comparisons
    if before is None or again is None or disagreement(before, again, comparisons):
        return False
    version = live.version
    try:
        answer = await changed.ask_well(solo.request)
    except NotAnswered as error:
        raise Bad(f"{_with_them(version)} fails: {error.at(solo.name)}") from error
    told = disagreement(before, answer, comparisons)
    if told:
        raise Bad(f"{_with_them(version)} answers {solo.name} differently: {told}")
    return True


def _with_them(version: int) -> str:
    return f"with the config and the files that it brings for all versions, version {version}"
