"""Loads a repository in a tritonserver of its own, to see whether every version comes up."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from control.check.report import Report
from control.config import Settings
from control.contracts.faults import Fault
from control.launcher.child import Child
from control.launcher.tritonserver import EmbeddedTriton
from control.runtime import RuntimePaths
from control.triton.address import parse_address
from control.triton.management import GrpcIndex, IndexEntry, TritonAway

_READY: Final = "READY"
_POLL_S: Final = 0.2
_SETTLED: Final = frozenset({"READY", "UNAVAILABLE"})


async def check_loading(settings: Settings, models: Sequence[str], report: Report) -> None:
    """Add a fault for each version that does not become ready within the start timeout."""
    async with _scratch_server(settings) as index:
        entries = await _settled(index, settings.triton.start_timeout_s)
    for entry in entries:
        if models and entry.model not in models:
            continue
        report.count("loaded versions")
        if entry.state != _READY:
            reason = entry.reason or f"is {entry.state or 'not loaded'}"
            place = f"{entry.version}" if entry.version else ""
            report.add(entry.model, [Fault(place, 0, "", f"does not load: {reason}")])


@asynccontextmanager
async def _scratch_server(settings: Settings) -> AsyncIterator[GrpcIndex]:
    directory = Path(tempfile.mkdtemp(prefix="seawall-check-"))
    paths = RuntimePaths(directory)
    paths.run.mkdir(mode=0o700)
    secret = secrets.token_urlsafe(24)
    triton = EmbeddedTriton(settings.triton, paths, secret)
    child = Child(triton.child_plan())
    try:
        child.keep_running()
        await child.started.wait()
        yield GrpcIndex(parse_address(triton.addresses().grpc_url), secret)
    finally:
        await child.stop(settings.triton.exit_timeout_s)
        triton.clean_up()
        shutil.rmtree(directory, ignore_errors=True)


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
