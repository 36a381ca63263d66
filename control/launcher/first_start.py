"""What tritonserver serves when Seawall starts: its own copies, made from the source at first."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from control.launcher.aside import within
from control.observability.logs import get_logger
from control.repository.config_changes import Unserved, unserved_configs
from control.repository.seeding import Known, Seeded, seed
from control.repository.served import ServedRepository

#: Looking takes longer only where the file system hangs.
_PATIENCE_S: Final = 5.0
_CONFIG_STAYS: Final = (
    "the config that is served stays: drop a version to have the new one verified"
)

_log = get_logger("launcher")


async def _nothing_known() -> None:
    return None


async def prepare_served(
    served: ServedRepository,
    source: Path,
    is_stopped: Callable[[], bool],
    ask_known: Callable[[], Awaitable[Known | None]] = _nothing_known,
) -> None:
    """Seed the served repository where there is none yet, and say what is left out.

    ``ask_known`` gives what is live by the records: other hosts serve that, or this one did.
    Raises SeedingStopped, and OSError where the copies cannot be made. Without a source, what has
    been served before goes on being served.
    """
    if not served.exists():
        began_s = time.monotonic()
        known = await ask_known()
        by = "config.pbtxt" if known is None else "records"
        _log.info("seeding", repository=str(source), by=by)
        seeded = await asyncio.to_thread(seed, served, source, is_stopped, known)
        _tell(seeded, time.monotonic() - began_s)
        return
    await asyncio.to_thread(served.tidy)
    await _tell_changes(served, source)
    for refused in (await asyncio.to_thread(served.inspect)).refused:
        _log.error("model_refused", model=refused.model, reason=refused.reason)


async def _tell_changes(served: ServedRepository, source: Path) -> None:
    """Say what the source has that is not served; nothing is kept from being served by it."""
    effect = "the served copies stay"
    try:
        changes = await within(_PATIENCE_S, lambda: _changes(served, source))
    except TimeoutError:
        reason = f"it did not answer for {_PATIENCE_S:g} s"
        _log.warning("repository_unseen", repository=str(source), reason=reason, effect=effect)
    except OSError as error:
        reason = str(error.strerror)
        _log.warning("repository_unseen", repository=str(source), reason=reason, effect=effect)
    else:
        if changes is None:
            _log.warning("repository_missing", repository=str(source), effect=effect)
        for one in changes or ():
            _log.warning(
                "config_not_served", model=one.model, reason=one.reason, effect=_CONFIG_STAYS
            )


def _changes(served: ServedRepository, source: Path) -> list[Unserved] | None:
    return list(unserved_configs(served, source)) if source.is_dir() else None


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
