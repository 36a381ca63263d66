"""What quotas cost a request, in microseconds: ``python -m benchmarks.quotas``.

One process plays the gateway worker that is measured; for two and more workers, further regions of
the file hold counts of the same caller, as neighbours would have written them. The figure is the
best of several runs: what else runs on the machine only adds.
"""

import asyncio
import functools
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvloop
from prometheus_client import CollectorRegistry

from control.core.access import Access, Identity, Quota
from control.errors import QuotaExceeded
from control.gateway.quota_gate import QuotaGate
from control.observability.metrics import GatewayMetrics
from control.quotas.rates import Failures, SharedRates
from control.quotas.shared_counters import SharedCounters
from control.quotas.storage import SharedStorage

_ROUNDS: Final = 200
_RUNS: Final = 150
_PLENTY: Final = 10**9

Act = Callable[[], Awaitable[object]]

_CASES: Final = {
    "requests": Quota(requests_per_second=_PLENTY),
    "requests, concurrency": Quota(requests_per_second=_PLENTY, concurrent=_PLENTY),
    "all but tokens": Quota(
        requests_per_second=_PLENTY, concurrent=_PLENTY, bytes_per_minute=_PLENTY * 10**6
    ),
}


def caller(quota: Quota) -> Identity:
    """Somebody with a quota."""
    return Identity("subject", "tenant", frozenset(), quota)


def make_gate(file: Path, workers: int) -> QuotaGate:
    """Make the gate of one worker."""
    counters = SharedCounters(file, workers)
    failures = Failures(GatewayMetrics(CollectorRegistry()).quota_storage_failures)
    return QuotaGate(counters, SharedRates(SharedStorage(counters.windows), failures), failures)


async def best_us(act: Act) -> float:
    """Time an act: the best run's microseconds for one."""
    best_s = float("inf")
    for _ in range(_RUNS):
        started_s = time.perf_counter()
        for _ in itertools.repeat(None, _ROUNDS):
            await act()
        best_s = min(best_s, time.perf_counter() - started_s)
    return best_s / _ROUNDS * 1e6


async def measure_free(gate: QuotaGate) -> None:
    """Time a caller without a quota, by both ways in."""
    free = caller(Quota())
    best_s = float("inf")
    for _ in range(_RUNS):
        started_s = time.perf_counter()
        for _ in itertools.repeat(None, _ROUNDS):
            gate.enter_free(free)
        best_s = min(best_s, time.perf_counter() - started_s)
    print(f"{'no quota, enter_free':44}{best_s / _ROUNDS * 1e6:8.2f}")
    print(f"{'no quota, enter':44}{await best_us(lambda: gate.enter(free, 100)):8.2f}")


async def measure_limited(gate: QuotaGate, workers: int) -> None:
    """Time callers with quotas: in and out, with headers, and refused."""

    async def come_and_go(who: Identity) -> None:
        with await gate.enter(who, 100):
            pass

    async def with_headers(who: Identity) -> None:
        with await gate.enter(who, 100) as permit:
            permit.headers()

    async def refused(who: Identity) -> None:
        try:
            await gate.enter(who, 100)
        except QuotaExceeded:
            return

    def show(what: str, cost_us: float) -> None:
        print(f"{f'{what}; {workers} worker(s)':44}{cost_us:8.2f}")

    for what, quota in _CASES.items():
        show(what, await best_us(functools.partial(come_and_go, caller(quota))))
    both = caller(_CASES["requests, concurrency"])
    show("requests, concurrency, headers", await best_us(lambda: with_headers(both)))
    none = caller(Quota(requests_per_second=1))
    show("refused: requests", await best_us(lambda: refused(none)))


async def measure(workers: int) -> None:
    """Measure one worker beside the others."""
    with tempfile.TemporaryDirectory() as directory:
        gates = [make_gate(Path(directory) / "quotas", workers) for _ in range(workers)]
        if workers == 1:
            await measure_free(gates[0])
        gates[0].learn(Access())
        everything = caller(_CASES["all but tokens"])
        neighbours = [await gate.enter(everything, 100) for gate in gates[1:]]
        await measure_limited(gates[0], workers)
        for permit in neighbours:
            permit.release()
        for gate in gates:
            gate.close()


async def main() -> None:
    """Measure alone, and among a few."""
    print(f"{'microseconds for one request':44}{'us':>8}")
    for workers in (1, 2, 4):
        await measure(workers)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
