"""All that protects the versions in one gateway: made together, and told of snapshots together."""

import os
from collections.abc import Coroutine
from typing import Any

from control.config import Settings
from control.core.snapshot import Snapshot
from control.gateway.protection.admission import AdmissionBoard
from control.gateway.protection.attempts import Attempts
from control.gateway.protection.breaker_board import BreakerBoard
from control.gateway.protection.guard_reports import GuardReports, GuardSources
from control.gateway.protection.memory_readings import MemoryBoard
from control.gateway.protection.reuse import Reuse
from control.gateway.protection.triton_load import TritonLoads
from control.gateway.triton_calls import TritonCalls
from control.link.uplink import Uplink
from control.observability.metrics import GatewayMetrics
from control.runtime import RuntimePaths
from control.triton.series import TritonSeries


class Guards:
    """The boards of one gateway worker. Belongs to its event loop."""

    def __init__(
        self,
        settings: Settings,
        paths: RuntimePaths,
        metrics: GatewayMetrics,
        triton: TritonCalls,
        series: TritonSeries,
    ) -> None:
        """Build all of them; nothing runs yet."""
        workers = settings.gateway.workers
        self.breakers = BreakerBoard(metrics)
        self.memory = MemoryBoard(
            metrics,
            paths.triton_pid,
            paths.memory_notes,
            workers=workers,
            triton_metrics=series.read_text,
        )
        self.admissions = AdmissionBoard(
            metrics, workers=workers, reservoir_of=self.memory.reservoir_of
        )
        self.attempts = Attempts(metrics, is_well=self.breakers.is_well)
        self.reuse = Reuse(settings.gateway.cache_bytes, metrics)
        self._loads = TritonLoads(self.admissions, triton.request)

    def learn(self, snapshot: Snapshot) -> None:
        """Follow a new snapshot, and forget what is gone."""
        for board in (self.breakers, self.memory, self.admissions, self.attempts, self.reuse):
            board.learn(snapshot)

    def background(self, uplink: Uplink) -> list[Coroutine[Any, Any, None]]:
        """Give what has to run beside the requests."""
        sources = GuardSources(
            admission=self.admissions.statuses,
            breakers=self.breakers.statuses,
            reuse=self.reuse.statuses,
            memory=self.memory.statuses,
        )
        reports = GuardReports(uplink, sources, str(os.getpid()))
        return [self.memory.run(), self._loads.run(), reports.run()]

    def write_down(self) -> None:
        """Bring the metrics up to date."""
        self.reuse.write_down()
