"""Loads a repository in a tritonserver of its own, to see whether every version comes up."""

import asyncio
from collections.abc import Sequence
from typing import Final

from control.check.report import Report
from control.config import Settings
from control.contracts.faults import Fault
from control.launcher.scratch_server import scratch_server
from control.triton.management import READY, GrpcIndex, IndexEntry, TritonAway

_POLL_S: Final = 0.2
_SETTLED: Final = frozenset({READY, "UNAVAILABLE"})


async def check_loading(settings: Settings, models: Sequence[str], report: Report) -> None:
    """Add a fault for each version that does not become ready within the start timeout."""
    async with scratch_server(settings) as server:
        entries = await _settled(server.index, settings.triton.start_timeout_s)
    for entry in entries:
        if models and entry.model not in models:
            continue
        report.count("loaded versions")
        if not entry.is_ready:
            reason = entry.reason or f"is {entry.state or 'not loaded'}"
            place = f"{entry.version}" if entry.version else ""
            report.add(entry.model, [Fault(place, 0, "", f"does not load: {reason}")])


async def _settled(index: GrpcIndex, timeout_s: float) -> Sequence[IndexEntry]:
    """Wait until every version is ready or has failed; give what there is after ``timeout_s``."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    entries: Sequence[IndexEntry] = ()
    while loop.time() < deadline_s:
        try:
            entries = await index.read()
        except TritonAway:
            entries = ()
        if entries and all(entry.state in _SETTLED for entry in entries):
            return entries
        await asyncio.sleep(_POLL_S)
    return entries
