import asyncio
import time

import pytest
from limits import RateLimitItemPerMinute
from limits.aio.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)
from limits.errors import StorageError
from prometheus_client import CollectorRegistry, Counter

from control.config import QuotaSettings
from control.quotas import rates
from control.quotas.rates import Failures, RateItem, RemoteRates, SharedRates
from control.quotas.shared_counters import SharedCounters
from control.quotas.storage import SharedStorage
from tests.quotas.conftest import Clock
from tests.quotas.remote_storage import RemoteStorage
from tests.support.polls import eventually


class Counted(Failures):
    """Failures with a counter of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        super().__init__(Counter("failures", "Failures.", registry=self.registry))

    @property
    def total(self) -> float:
        """How many there were."""
        return self.registry.get_sample_value("failures_total") or 0.0


@pytest.fixture
def failures() -> Counted:
    """What could not be counted."""
    return Counted()


async def test_the_library_counts_in_shared_memory(counters: SharedCounters, clock: Clock) -> None:
    """Its sliding-window-counter strategy hits, tests and tells what is left as on any storage."""
    limiter = SlidingWindowCounterRateLimiter(SharedStorage(counters.windows))
    item = RateLimitItemPerMinute(10)
    assert await limiter.hit(item, "caller", cost=7)
    assert not await limiter.hit(item, "caller", cost=4)
    assert await limiter.test(item, "caller", cost=3)
    assert not await limiter.test(item, "caller", cost=4)
    clock.advance(20.0)
    stats = await limiter.get_window_stats(item, "caller")
    assert stats.remaining == 3
    assert stats.reset_time == pytest.approx(time.time() + 40.0, abs=2.0)
    assert (await limiter.get_window_stats(item, "another")).remaining == 10


async def test_other_strategies_are_refused(counters: SharedCounters) -> None:
    """What shared memory does not keep is no strategy for it, and it says so."""
    storage = SharedStorage(counters.windows)
    with pytest.raises(NotImplementedError):
        MovingWindowRateLimiter(storage)
    with pytest.raises(NotImplementedError, match="sliding windows only"):
        await FixedWindowRateLimiter(storage).hit(RateLimitItemPerMinute(10))
    with pytest.raises(NotImplementedError, match="cleared by one worker"):
        await SlidingWindowCounterRateLimiter(storage).clear(RateLimitItemPerMinute(10))
    assert await storage.check()


async def test_a_refusal_tells_when_the_same_would_pass(
    counters: SharedCounters, clock: Clock, failures: Counted
) -> None:
    """Not merely when there is more: a large amount waits until enough has left."""
    shared = SharedRates(SharedStorage(counters.windows), failures)
    item = RateItem("bytes", 100, 60)
    assert await shared.take(item, 10)
    clock.advance(30.0)
    taken = await shared.take(item, 80)
    assert taken is not None
    assert taken == (True, 10, pytest.approx(30.0, abs=1.7))
    refused = await shared.take(item, 30)
    assert refused is not None
    assert (refused.admitted, refused.remaining) == (False, 10)
    assert refused.more_in_s == pytest.approx(60.0, abs=0.7)
    never = await shared.take(item, 101)
    assert never is not None
    assert never.more_in_s == pytest.approx(60.0, abs=0.7)


async def test_what_has_no_slot_passes_and_is_counted(
    counters: SharedCounters, failures: Counted
) -> None:
    """A full table refuses nobody."""
    shared = SharedRates(SharedStorage(counters.windows), failures)
    for number in range(8000):
        await shared.take(RateItem(f"key {number}", 1, 60), 1)
    assert failures.total > 3000


@pytest.mark.parametrize("trouble", ["unreachable", "silent"])
async def test_a_storage_in_trouble_lets_everything_pass(trouble: str, failures: Counted) -> None:
    """One request waits for it, shortly; the others pass at once until it is tried again."""
    storage = RemoteStorage()
    remote = RemoteRates(storage, failures)
    item = RateItem("requests", 1, 1)
    storage.trouble = trouble
    started_s = time.monotonic()
    assert [await remote.take(item, 1) for _ in range(1000)] == [None] * 1000
    assert time.monotonic() - started_s < rates.REMOTE_TIMEOUT_S + rates.REST_S
    assert storage.calls == 1
    assert failures.total == 1000


async def test_a_storage_that_comes_back_is_used_again(failures: Counted) -> None:
    """It is tried every second, by one request at a time, and then limits as before."""
    storage = RemoteStorage()
    remote = RemoteRates(storage, failures)
    item = RateItem("requests", 1, 60)
    storage.trouble = "silent"
    assert await remote.take(item, 1) is None
    await eventually(lambda: time.monotonic() > remote._rests_until_s, "the rest is over")
    assert await asyncio.gather(*(remote.take(item, 1) for _ in range(5))) == [None] * 5
    assert storage.calls == 2
    storage.trouble = ""
    await eventually(lambda: time.monotonic() > remote._rests_until_s, "the rest is over")
    first, second = await remote.take(item, 1), await remote.take(item, 1)
    assert first is not None
    assert second is not None
    assert (first.admitted, second.admitted) == (True, False)


async def test_failures_are_logged_now_and_then(
    failures: Counted, capsys: pytest.CaptureFixture[str]
) -> None:
    """A storage out of reach does not fill the log: one line in several seconds."""
    for _ in range(100):
        failures.note(StorageError(OSError("no route to host")))
    assert "".join(capsys.readouterr()).count("quota_not_counted") == 1
    assert failures.total == 100


def test_a_key_does_not_hold_the_limit() -> None:
    """A limit that changes goes on with what has been counted."""
    assert RateItem("key", 1, 60).key_for("x") == RateItem("key", 2, 60).key_for("y") == "key"
    assert RateItem("key", 1, 60).get_expiry() == 60


def test_only_storages_that_can_be_shared_are_settings() -> None:
    """Redis and Valkey, alone or as a cluster; memory of one process is not."""
    for url in ("", "async+redis://h:6379", "async+valkeys://h:1", "async+redis+cluster://h:1"):
        assert QuotaSettings(storage_url=url).storage_url == url
    for url in ("redis://h:6379", "async+memory://", "async+redis:", "h:6379"):
        with pytest.raises(ValueError, match="storage_url"):
            QuotaSettings(storage_url=url)
