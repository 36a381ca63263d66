"""What tritonserver serves when Seawall starts: its own copies, made from the source at first."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from control.observability.logs import get_logger
from control.repository.config_changes import unserved_configs
from control.repository.seeding import Seeded, seed
from control.repository.served import ServedRepository

_log = get_logger("launcher")


async def prepare_served(
    served: ServedRepository, source: Path, is_stopped: Callable[[], bool]
) -> None:
    """Seed the served repository where there is none yet, and say what is left out.

    Raises SeedingStopped, and OSError where the copies cannot be made. Without a source, what has
    been served before goes on being served.
    """
    if not served.exists():
        began_s = time.monotonic()
        _log.info("seeding", repository=str(source))
        seeded = await asyncio.to_thread(seed, served, source, is_stopped)
        _tell(seeded, time.monotonic() - began_s)
        return
    await asyncio.to_thread(served.tidy)
    if not await asyncio.to_thread(source.is_dir):
        _log.warning("repository_missing", repository=str(source), effect="the served copies stay")
    for model in await asyncio.to_thread(lambda: list(unserved_configs(served, source))):
        effect = "the config that is served stays: drop a version to have the new one verified"
        _log.warning("config_not_served", model=model, effect=effect)
    for refused in (await asyncio.to_thread(served.inspect)).refused:
        _log.error("model_refused", model=refused.model, reason=refused.reason)


def _tell(seeded: Seeded, took_s: float) -> None:
    for refused in seeded.refused:
        _log.error("model_refused", model=refused.model, reason=refused.reason)
    for one in seeded.left_out:
        _log.error("version_refused", model=one.model, version=one.version, reason=one.reason)
    _log.info(
        "seeded",
        models=len(seeded.versions),
        versions=sum(map(len, seeded.versions.values())),
        files=seeded.files,
        bytes=seeded.bytes,
        took_s=round(took_s, 3),
    )
