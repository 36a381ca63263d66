"""The memory budgets of all versions: made from what was read, and read anew all the time.

Requests only count against them (``core.memory_budget``); reading happens in a thread.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from control.core.memory_budget import (
    UNBOUNDED,
    MemoryPool,
    Reservoir,
    predict_bytes,
)
from control.core.snapshot import Snapshot, VersionView
from control.core.tensors import InferRequest
from control.memory.gpus import GpuMemory
from control.memory.notes import MemoryNotes
from control.memory.readings import MemoryReadings, StubMemory, VersionKey
from control.observability.metrics import GatewayMetrics
from control.observability.shared import NO_DATA

_INTERVAL_S: Final = 0.25
_GPU: Final = "gpu"

#: Gives the text of Triton's metrics; None where there are none now.
TritonMetrics = Callable[[], Awaitable[str | None]]


async def _no_metrics() -> None:
    """Give nothing: a Triton without metrics has no GPU that could be read."""


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """What one version may reserve, has reserved and uses; None is not known or not bounded."""

    model: str
    version: int
    budget_bytes: int | None
    reserved_bytes: int
    used_bytes: int | None


@dataclass(slots=True)
class _Version:
    reservoir: Reservoir
    used_bytes: int | None = None
    pools: set[str] = field(default_factory=set)


class MemoryBoard:
    """One per gateway worker. All calls on its event loop."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        pid_file: Path,
        notes: Path,
        *,
        workers: int = 1,
        triton_metrics: TritonMetrics = _no_metrics,
    ) -> None:
        """Read the tritonserver of ``pid_file``, and keep notes in the folder ``notes``.

        Each of the ``workers`` gives out its part of every budget.
        """
        self._gpus = GpuMemory(MemoryNotes(notes / "gpus"))
        self._stubs = StubMemory(pid_file, MemoryNotes(notes / "processes"))
        self._metrics = metrics
        self._workers = workers
        self._triton_metrics = triton_metrics
        self._versions: dict[VersionKey, _Version] = {}
        self._pools: dict[str, MemoryPool] = {}
        self._changed = asyncio.Event()

    def learn(self, snapshot: Snapshot) -> None:
        """Keep a budget for each version whose contract predicts what requests need."""
        gone = set(self._versions)
        for model in snapshot.models.values():
            for view in model.versions.values():
                if self.reservoir_of(view) is not None:
                    gone.discard((view.model, view.version))
        for key in gone:
            self._show(key, None, None, None)
            self._versions.pop(key).reservoir.close()

    def reservoir_of(self, view: VersionView) -> Reservoir | None:
        """Give the version's budget, always the same one; None where nothing is predicted."""
        policy = view.protection.memory
        if not policy.predicts:
            return None
        key = (view.model, view.version)
        version = self._versions.get(key)
        if version is None:
            version = self._versions[key] = _Version(Reservoir(policy, self._workers))
            self._changed.set()
        elif version.reservoir.policy is not policy:
            version.reservoir.obey(policy)
        return version.reservoir

    def predict(self, view: VersionView, request: InferRequest, tokens: int) -> int:
        """Predict what a decoded request needs; 0 where the contract does not say."""
        policy = view.protection.memory
        if not policy.predicts:
            return 0
        inputs = request.inputs
        rows = inputs[0].shape[0] if view.contract.max_batch_size and inputs else 1
        size = sum([len(tensor.data) for tensor in inputs])
        return predict_bytes(policy, rows=rows, input_bytes=size, tokens=tokens)

    def statuses(self) -> list[MemoryStatus]:
        """Give every version that has a budget."""
        return [
            MemoryStatus(
                *key,
                None if one.reservoir.capacity == UNBOUNDED else one.reservoir.capacity,
                one.reservoir.reserved,
                one.used_bytes,
            )
            for key, one in sorted(self._versions.items())
        ]

    async def run(self, interval_s: float = _INTERVAL_S) -> None:
        """Read for ever, and at once where there are new versions."""
        while True:
            self._changed.clear()
            if self._versions:
                await self.read()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._changed.wait()

    async def read(self) -> None:
        """Read everything once and bring the budgets to it."""
        processes: dict[VersionKey, int] = {}
        gpus: dict[VersionKey, int] = {}
        for key, one in self._versions.items():
            peaks = gpus if one.reservoir.policy.device == _GPU else processes
            peaks[key] = one.reservoir.take_peak() * self._workers
        if processes:
            self._apply(await asyncio.to_thread(self._stubs.read, processes))
        text = await self._triton_metrics() if gpus else None
        if text:
            self._apply(await asyncio.to_thread(self._gpus.read, text, gpus))
        self._show_all()

    def _apply(self, readings: MemoryReadings) -> None:
        """Bound those versions that were seen; whoever was not keeps the bounds that it had."""
        for name, reading in readings.pools.items():
            if name in self._pools:
                self._pools[name].measure(reading)
            else:
                self._pools[name] = MemoryPool(reading)
        for key, seen in readings.versions.items():
            version = self._versions.get(key)
            if version is not None:
                version.used_bytes = seen.used_bytes
                version.pools = set(seen.kept)
                kept = {self._pools[name]: amount for name, amount in seen.kept.items()}
                version.reservoir.bound_by(kept)
        named = set[str]().union(*[one.pools for one in self._versions.values()])
        self._pools = {name: pool for name, pool in self._pools.items() if name in named}

    def _show_all(self) -> None:
        for one in self.statuses():
            key = (one.model, one.version)
            self._show(key, one.budget_bytes, one.reserved_bytes, one.used_bytes)

    def _show(
        self, key: VersionKey, budget: int | None, reserved: int | None, used: int | None
    ) -> None:
        metrics, labels = self._metrics, (key[0], str(key[1]))
        metrics.memory_budget.labels(*labels).set(NO_DATA if budget is None else budget)
        metrics.memory_reserved.labels(*labels).set(NO_DATA if reserved is None else reserved)
        metrics.memory_used.labels(*labels).set(NO_DATA if used is None else used)
