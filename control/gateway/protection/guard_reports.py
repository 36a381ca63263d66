"""Tells the controller each second what guards each version here: nothing is decided by it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from control.gateway.protection.admission import AdmissionStatus
from control.gateway.protection.breaker_board import BreakerStatus
from control.gateway.protection.memory_readings import MemoryStatus
from control.gateway.protection.reuse_counts import ReuseStatus
from control.link.events import (
    AdmissionReport,
    BreakerReport,
    CacheReport,
    GuardReport,
    MemoryReport,
    VersionGuards,
    encode_event,
)
from control.link.uplink import Uplink

_INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class GuardSources:
    """Where the numbers come from: each gives one for every version that it guards."""

    admission: Callable[[], Iterable[AdmissionStatus]]
    breakers: Callable[[], Iterable[BreakerStatus]]
    reuse: Callable[[], Iterable[ReuseStatus]]
    memory: Callable[[], Iterable[MemoryStatus]]


class GuardReports:
    """Belongs to the event loop."""

    def __init__(self, uplink: Uplink, sources: GuardSources, gateway: str) -> None:
        """Report by ``uplink``; ``gateway`` names this process."""
        self._uplink = uplink
        self._sources = sources
        self._gateway = gateway

    async def run(self, interval_s: float = _INTERVAL_S) -> None:
        """Report for ever: silence would mean that this process is gone."""
        while True:
            self.turn()
            await asyncio.sleep(interval_s)

    def turn(self) -> None:
        """Report once; where it is not taken, the next one says it all again."""
        self._uplink.offer(encode_event(GuardReport(self._gateway, self._versions())))

    def _versions(self) -> list[VersionGuards]:
        sources = self._sources
        admission = {(one.model, one.version): _admission(one) for one in sources.admission()}
        breakers = {(one.model, one.version): _breaker(one) for one in sources.breakers()}
        caches = {(one.model, one.version): _cache(one) for one in sources.reuse()}
        memory = {(one.model, one.version): _memory(one) for one in sources.memory()}
        return [
            VersionGuards(
                model=model,
                version=version,
                admission=admission.get((model, version)),
                breaker=breakers.get((model, version)),
                cache=caches.get((model, version)),
                memory=memory.get((model, version)),
            )
            for model, version in sorted({*admission, *breakers, *caches, *memory})
        ]


def _admission(one: AdmissionStatus) -> AdmissionReport:
    return AdmissionReport(
        limit=one.limit,
        in_flight=one.in_flight,
        queued=one.queued,
        shed=dict(one.shed),
        rtt_ms=one.rtt_ms,
        queue_ms=one.queue_ms,
        useful_batch=one.useful_batch,
    )


def _breaker(one: BreakerStatus) -> BreakerReport:
    return BreakerReport(
        state=one.state.value,
        failure_rate_percent=one.failure_rate_percent,
        slow_call_rate_percent=one.slow_call_rate_percent,
        calls=one.calls,
        retry_after_s=one.retry_after_s,
        reason=one.reason,
    )


def _cache(one: ReuseStatus) -> CacheReport:
    return CacheReport(
        entries=one.entries,
        bytes=one.size_bytes,
        hits=one.hits,
        misses=one.misses,
        shared=one.shared,
    )


def _memory(one: MemoryStatus) -> MemoryReport:
    return MemoryReport(
        budget_bytes=one.budget_bytes,
        reserved_bytes=one.reserved_bytes,
        used_bytes=one.used_bytes,
    )
