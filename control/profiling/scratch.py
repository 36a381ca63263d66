"""A tritonserver of its own for one model, which is gone afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.config import Settings
from control.launcher.scratch_server import scratch_server
from control.triton.address import parse_address
from control.triton.management import GrpcIndex, TritonAway, read_document
from control.triton.upstream import Upstream

_POLL_S: Final = 0.2


class CannotProfile(Exception):
    """The model cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where the server is. ``versions`` are those that it has loaded."""

    upstream: Upstream
    metrics: Upstream
    pid_file: Path
    versions: tuple[int, ...]


@asynccontextmanager
async def model_alone(settings: Settings, model: str) -> AsyncIterator[Scratch]:
    """Start a server with this model only; raises CannotProfile where no version comes up."""
    async with scratch_server(settings, [model]) as server:
        upstream = Upstream(parse_address(server.addresses.http_url))
        metrics = Upstream(parse_address(server.addresses.metrics_url), max_idle=1)
        try:
            timeout_s = settings.triton.start_timeout_s
            versions = await _ready_versions(server.index, model, timeout_s)
            await _wait_for_http(upstream, model, timeout_s)
            yield Scratch(upstream, metrics, server.pid_file, versions)
        finally:
            upstream.close()
            metrics.close()


async def _wait_for_http(upstream: Upstream, model: str, timeout_s: float) -> None:
    """Wait until Triton answers there too: it starts HTTP last; raises CannotProfile."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while True:
        try:
            await read_document(upstream, "/v2/health/live")
        except TritonAway as error:
            if loop.time() >= deadline_s:
                message = f"model '{model}' cannot be profiled: Triton does not answer: {error}"
                raise CannotProfile(message) from error
            await asyncio.sleep(_POLL_S)
        else:
            return


async def _ready_versions(index: GrpcIndex, model: str, timeout_s: float) -> tuple[int, ...]:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    reason = f"it is not loaded within {timeout_s:g} s"
    while loop.time() < deadline_s:
        try:
            entries = [one for one in await index.read() if one.model == model and one.state]
        except TritonAway:
            entries = []
        ready = tuple(sorted(one.version for one in entries if one.is_ready))
        if entries and not any(one.is_loading for one in entries):
            if ready:
                return ready
            reason = entries[0].reason or f"it is {entries[0].state}"
            break
        await asyncio.sleep(_POLL_S)
    message = f"model '{model}' cannot be profiled: {reason}"
    raise CannotProfile(message)
