"""Asks the state database what is live by its records, where nothing is served here yet.

A process of its own asks: what talks to databases would stay in the launcher for good.
"""

import asyncio
import contextlib
import sys
from typing import Final

import msgspec

from control.child import ChildSetup, save_child_setup
from control.config import Settings
from control.observability.logs import get_logger
from control.repository.seeding import Known, Live, SeedingStopped
from control.runtime import RuntimePaths

_MODULE: Final = "control.controller.rollouts.live_by_records"
#: A database that does not answer is asked again after this time.
_AGAIN_S: Final = 5.0

_decode: Final = msgspec.json.Decoder(dict[str, dict[int, Live]] | None).decode
_log = get_logger("launcher")


async def known_versions(
    settings: Settings, paths: RuntimePaths, stop: asyncio.Event, again_s: float = _AGAIN_S
) -> Known | None:
    """Give what is live by the database's records; None where it has none.

    It is asked until it answers: what is live is nothing to guess. Raises SeedingStopped.
    """
    if not settings.state.database_url and not paths.database.exists():
        return None
    setup = paths.run / "records.json"
    save_child_setup(ChildSetup(settings, paths, "", {}), setup)
    while not stop.is_set():
        answer = await _ask(str(setup))
        if answer is not None:
            known: Known | None = _decode(answer)
            return known
        effect = "nothing is served before it has said what is live"
        _log.error("records_unknown", effect=effect, again_in_s=again_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), again_s)
    raise SeedingStopped


async def _ask(setup: str) -> bytes | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", _MODULE, "--setup", setup,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answer, _ = await process.communicate()
    return answer if process.returncode == 0 else None
