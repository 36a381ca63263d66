"""What a breaker remembers of calls: the last so many, or those of the last seconds.

One owner, no locks; time comes in. Nothing here judges.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from control.core.protection import BreakerPolicy, WindowType

#: How a call is kept in the ring; an empty place is 0.
_ENDED, _FAILED, _SLOW = 1, 2, 4


@dataclass(slots=True)
class CallCounts:
    """Calls that ended: all, and among them the failed and the slow; one may be both."""

    total: int = 0
    failed: int = 0
    slow: int = 0

    @property
    def failure_rate_percent(self) -> float | None:
        """How many of a hundred failed; None of none."""
        return 100.0 * self.failed / self.total if self.total else None

    @property
    def slow_call_rate_percent(self) -> float | None:
        """How many of a hundred were slow; None of none."""
        return 100.0 * self.slow / self.total if self.total else None

    def add(self, *, failed: bool, slow: bool) -> None:
        """Count one more call."""
        self.total += 1
        self.failed += failed
        self.slow += slow


class CallWindow(Protocol):
    """Calls that still count. ``counts`` is as of the last ``record``."""

    counts: CallCounts

    def record(self, now_s: float, *, failed: bool, slow: bool) -> None:
        """Count one call that ended now."""

    def seen(self, now_s: float) -> CallCounts:
        """Give a copy of what counts now, and change nothing."""


class CountWindow:
    """The last ``size`` calls, whenever they were."""

    __slots__ = ("_place", "_ring", "counts")

    def __init__(self, size: int) -> None:
        """Remember ``size`` calls at most, a byte for each."""
        self.counts = CallCounts()
        self._ring = bytearray(size)
        self._place = 0

    def record(self, now_s: float, *, failed: bool, slow: bool) -> None:  # noqa: ARG002 - the other window's
        """Put the call in the oldest one's place."""
        ring, place, counts = self._ring, self._place, self.counts
        oldest = ring[place]
        if oldest:
            counts.total -= 1
            counts.failed -= bool(oldest & _FAILED)
            counts.slow -= bool(oldest & _SLOW)
        counts.add(failed=failed, slow=slow)
        ring[place] = _ENDED + _FAILED * failed + _SLOW * slow
        place += 1
        self._place = place if place < len(ring) else 0

    def seen(self, now_s: float) -> CallCounts:  # noqa: ARG002 - the other window's
        """Give a copy of the counts."""
        return replace(self.counts)


class TimeWindow:
    """The calls of the last ``size`` seconds, the one that runs included, in one bucket each."""

    __slots__ = ("_buckets", "_second", "counts")

    def __init__(self, size: int) -> None:
        """Remember ``size`` seconds."""
        self.counts = CallCounts()
        self._buckets = [CallCounts() for _ in range(size)]
        self._second = 0

    def record(self, now_s: float, *, failed: bool, slow: bool) -> None:
        """Count the call in this second's bucket."""
        second = int(now_s)
        if second > self._second:
            self._go_on_to(second)
        self._buckets[self._second % len(self._buckets)].add(failed=failed, slow=slow)
        self.counts.add(failed=failed, slow=slow)

    def seen(self, now_s: float) -> CallCounts:
        """Add up the buckets that are young enough by now."""
        size, sums = len(self._buckets), CallCounts()
        oldest = max(int(now_s), self._second) - size + 1
        for second in range(max(oldest, self._second - size + 1), self._second + 1):
            bucket = self._buckets[second % size]
            sums.total += bucket.total
            sums.failed += bucket.failed
            sums.slow += bucket.slow
        return sums

    def _go_on_to(self, second: int) -> None:
        size, counts = len(self._buckets), self.counts
        for passed in range(max(self._second, second - size) + 1, second + 1):
            bucket = self._buckets[passed % size]
            if bucket.total:
                counts.total -= bucket.total
                counts.failed -= bucket.failed
                counts.slow -= bucket.slow
                bucket.total = bucket.failed = bucket.slow = 0
        self._second = second


def open_window(policy: BreakerPolicy) -> CallWindow:
    """Make the empty window that a policy asks for."""
    if policy.sliding_window_type is WindowType.TIME_BASED:
        return TimeWindow(policy.sliding_window_size)
    return CountWindow(policy.sliding_window_size)
