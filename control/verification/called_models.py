"""Loads the other models that a version may call while it answers, as they are served.

Which these are is guessed from its files: one too many costs a load; without one that is called, a
good version would fail.
"""

import asyncio
from pathlib import Path

from control.check.model_config import read_config
from control.contracts.faults import ContractBroken
from control.repository.mentions import named_models
from control.repository.names import CONFIG, is_model_name
from control.repository.pinned_config import pinned_versions
from control.verification.loading import load_version
from control.verification.scratch_repository import copy_model, for_measuring, write_config
from control.verification.scratch_triton import ScratchTriton
from control.verification.trial import Copy
from control.verification.verdicts import Bad


def called_models(served: Path, model: str, folder: Path) -> list[str]:
    """Name the served models that a model in ``folder`` may call, those that these call first."""
    names = {one.name for one in served.iterdir() if is_model_name(one.name) and one.is_dir()}
    found: list[str] = []
    _collect(served, folder, names - {model}, found)
    return found


async def load_called(copy: Copy, triton: ScratchTriton) -> None:
    """Load them; what does not load here is left to the version to miss."""
    job = copy.job
    if not job.served:
        return
    served = Path(job.served)
    for name in await asyncio.to_thread(called_models, served, job.model, copy.folder):
        try:
            version = await asyncio.to_thread(_copy_served, served / name, triton.repository)
            if version is not None:
                await load_version(triton, name, version, job.policy.load_timeout_s)
        except (Bad, ContractBroken, OSError):
            continue


def _collect(served: Path, folder: Path, names: set[str], found: list[str]) -> None:
    called = named_models(folder, names)
    for name in sorted(called):
        if name not in found:
            _collect(served, served / name, names - called, found)
            found.append(name)


def _copy_served(model: Path, repository: Path) -> int | None:
    """Put the newest live version of a served model into the scratch repository."""
    live = pinned_versions((model / CONFIG).read_text())
    if not live:
        return None
    version = max(live)
    folder = copy_model(repository, model.name, model, version, model / str(version))
    write_config(folder, for_measuring(read_config(model)), version)
    return version
