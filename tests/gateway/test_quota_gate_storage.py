"""What a gate counts in: from settings, in trouble, and under several workers."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from control.config import QuotaSettings, Settings
from control.errors import QuotaExceeded
from control.gateway.quota_gate import QuotaGate, open_quota_gate
from control.observability.metrics import GatewayMetrics
from control.quotas.rates import Failures, RemoteRates, SharedRates
from control.quotas.shared_counters import SharedCounters
from control.quotas.storage import SharedStorage
from control.runtime import RuntimePaths
from tests.gateway.conftest import value_of
from tests.gateway.quota_callers import caller
from tests.quotas.conftest import Clock
from tests.quotas.interleaving import stepped_workers
from tests.quotas.remote_storage import RemoteStorage

FAILURES = "seawall_quota_storage_failures_total"


async def test_a_storage_in_trouble_costs_no_request_its_answer(
    tmp_path: Path, metrics: GatewayMetrics, registry: CollectorRegistry
) -> None:
    """What cannot be counted passes, and is counted as a failure; concurrency is kept here."""
    counters = SharedCounters(tmp_path / "quotas", 1)
    failures = Failures(metrics.quota_storage_failures)
    storage = RemoteStorage()
    gate = QuotaGate(counters, RemoteRates(storage, failures), failures)
    storage.trouble = "unreachable"
    who = caller(requests_per_second=1, bytes_per_minute=1, concurrent=3)
    for _ in range(3):
        permit = await gate.enter(who, 100)
    assert b"requests" not in dict(permit.headers())[b"RateLimit"]
    with pytest.raises(QuotaExceeded, match="concurrent"):
        await gate.enter(who, 100)
    assert value_of(registry, FAILURES) == 6
    gate.close()


def test_a_gate_is_made_from_settings(tmp_path: Path, metrics: GatewayMetrics) -> None:
    """By default it counts in a file among the run's, which its owner alone can read."""
    paths = RuntimePaths(tmp_path)
    paths.run.mkdir()
    gate = open_quota_gate(Settings(quotas=QuotaSettings()), paths, metrics)
    assert isinstance(gate._rates, SharedRates)
    assert paths.quotas.stat().st_mode & 0o777 == 0o600
    gate.close()


requests = st.lists(
    st.tuples(st.sampled_from(["enter", "leave", "wait"]), st.integers(0, 1), st.integers(1, 3)),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(requests, st.integers(1, 4), st.integers(1, 6))
async def test_permits_end_once_and_limits_hold(
    steps: list[tuple[str, int, int]], concurrent: int, rate: int
) -> None:
    """Over any order of comings and goings: never too many, and nothing is left in the end."""
    clock = Clock()
    _, workers = stepped_workers(2, clock)
    failures = Failures(GatewayMetrics(CollectorRegistry()).quota_storage_failures)
    made: list[Any] = [
        QuotaGate(one, SharedRates(SharedStorage(one.windows), failures), failures)  # type: ignore[arg-type]
        for one in workers
    ]
    held: list[Any] = []
    times_s: list[float] = []
    who = caller(concurrent=concurrent, requests_per_second=rate)
    for step, worker, number in steps:
        if step == "wait":
            clock.advance(0.2 * number)
        elif step == "leave" and held:
            held.pop(number % len(held)).release()
        elif step == "enter":
            with contextlib.suppress(QuotaExceeded):
                held.append(await made[worker].enter(who, 0))
                times_s.append(clock.now_s)
        assert len(held) <= concurrent
        assert len([one for one in times_s if one > clock.now_s - 0.999]) <= rate
    for permit in held:
        permit.release()
    flight = workers[0].in_flight
    assert flight.count(flight.key("concurrent/subject/'acme'/'abc'")) == 0
