"""Rate limits over a storage of `limits`: this host's shared counters, or a server for many hosts.

Limiting never fails a request: what a storage cannot count passes, is counted as a failure, and
logged now and then.
"""

import asyncio
import time
from typing import Final, NamedTuple, Protocol

from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string
from prometheus_client import Counter

from control.observability.logs import get_logger
from control.quotas.storage import SharedStorage

#: How long a check waits for a storage elsewhere: a healthy one answers in under a millisecond.
REMOTE_TIMEOUT_S: Final = 0.1
#: How long a storage that has failed is left alone, so that not every request waits for it.
REST_S: Final = 1.0
_LOG_INTERVAL_S: Final = 10.0

_log = get_logger("quotas")


class RateItem(RateLimitItemPerSecond):
    """At most ``amount`` in any ``window_s`` seconds, under a key that the amount is no part of.

    The library's own keys hold the amount: a limit that changes would start from nothing.
    """

    __slots__ = ("_key",)

    def __init__(self, key: str, amount: int, window_s: int) -> None:
        """Limit what is counted under ``key``."""
        super().__init__(amount, window_s)
        self._key = key

    def key_for(self, *_identifiers: bytes | str | float) -> str:
        """Give the key."""
        return self._key


class Taken(NamedTuple):
    """What became of an attempt, and what is left.

    ``more_in_s`` is the seconds until more is left; after a refusal, as far as the storage knows,
    the seconds until the same attempt would pass.
    """

    admitted: bool
    remaining: int
    more_in_s: float


class Rates(Protocol):
    """Counts against rate limits."""

    async def take(self, item: RateItem, amount: int) -> Taken | None:
        """Count ``amount`` if the limit allows it; None where it could not be counted."""


class Failures:
    """Counts what a storage could not count, and logs why now and then."""

    def __init__(self, counter: Counter) -> None:
        """Count in ``counter``."""
        self._counter = counter
        self._silent_until_s = 0.0

    def note(self, error: Exception | None = None) -> None:
        """Count one; ``error`` is the reason, None where it has been told."""
        self._counter.inc()
        now_s = time.monotonic()
        if error is not None and now_s >= self._silent_until_s:
            self._silent_until_s = now_s + _LOG_INTERVAL_S
            reason = str(error) or type(error).__name__
            _log.warning("quota_not_counted", reason=reason, silent_for_s=_LOG_INTERVAL_S)


class SharedRates:
    """Rates in the counters that the workers of this host share; never waits."""

    def __init__(self, storage: SharedStorage, failures: Failures) -> None:
        """Count in ``storage``."""
        self._storage, self._failures = storage, failures
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def take(self, item: RateItem, amount: int) -> Taken | None:
        """Count ``amount`` if the limit allows it; None where no slot is left for the key."""
        try:
            admitted = await self._limiter.hit(item, cost=amount)
        except StorageError as error:
            self._failures.note(error)
            return None
        if admitted:
            stats = await self._limiter.get_window_stats(item)
            return Taken(True, stats.remaining, stats.reset_time - time.time())  # noqa: FBT003
        window_s = item.get_expiry()
        used, room_s = await self._storage.room(item.key_for(), item.amount, window_s, amount)
        return Taken(False, item.amount - used, room_s)  # noqa: FBT003


class RemoteRates:
    """Rates in a storage elsewhere, which many hosts share; while it fails, everything passes."""

    def __init__(self, storage: Storage, failures: Failures) -> None:
        """Count in ``storage``, which wraps its exceptions."""
        self._limiter, self._failures = SlidingWindowCounterRateLimiter(storage), failures
        self._rests = False
        self._rests_until_s = 0.0

    async def take(self, item: RateItem, amount: int) -> Taken | None:
        """Count ``amount`` if the limit allows it; None while the storage does not answer."""
        now_s = time.monotonic()
        if self._rests:
            if now_s < self._rests_until_s:
                self._failures.note()
                return None
            self._rests_until_s = now_s + REST_S  # this one tries; others pass meanwhile
        try:
            async with asyncio.timeout(REMOTE_TIMEOUT_S):
                admitted = await self._limiter.hit(item, cost=amount)
                stats = await self._limiter.get_window_stats(item)
        except (StorageError, OSError) as error:  # TimeoutError is one of the latter
            self._rests, self._rests_until_s = True, time.monotonic() + REST_S
            self._failures.note(error)
            return None
        self._rests = False
        return Taken(admitted, stats.remaining, stats.reset_time - time.time())


def remote_rates(url: str, failures: Failures) -> RemoteRates:
    """Make rates in the storage at ``url``, as `limits` spells it; raises ConfigurationError."""
    options = {"implementation": "redispy"} if url.startswith("async+redis") else {}
    storage = storage_from_string(url, wrap_exceptions=True, **options)
    if not isinstance(storage, Storage):
        message = f"'{url}' is no asyncio storage"
        raise TypeError(message)
    return RemoteRates(storage, failures)
