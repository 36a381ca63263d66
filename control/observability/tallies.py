"""Plain counts beside the metrics library's own, written into it a few times a second.

The library locks and writes to shared memory at each count: six counts a request would be a tenth
of all that Seawall costs one.
"""

from bisect import bisect_left
from typing import Any

from prometheus_client import Counter


class CounterTally:
    """What a counter has yet to be told."""

    __slots__ = ("_counter", "pending")

    def __init__(self, counter: Counter) -> None:
        """Count for one labelled counter."""
        self._counter = counter
        self.pending = 0

    def flush(self) -> None:
        """Tell the counter."""
        if self.pending:
            self._counter.inc(self.pending)
            self.pending = 0


class HistogramTally:
    """What a histogram has yet to be told: a count for each bucket, and the sum."""

    __slots__ = ("_bounds", "_buckets", "_counts", "_pending_sum", "_sum")

    def __init__(self, histogram: Any) -> None:  # noqa: ANN401 - its insides have no public type
        """Count for one labelled histogram, whose own values it writes: there is no bulk call."""
        self._bounds = list(histogram._upper_bounds)  # noqa: SLF001
        self._buckets = histogram._buckets  # noqa: SLF001
        self._sum = histogram._sum  # noqa: SLF001
        self._counts = [0] * len(self._bounds)
        self._pending_sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value; the last bucket's bound is infinite."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._pending_sum += value

    def flush(self) -> None:
        """Tell the histogram."""
        for number, count in enumerate(self._counts):
            if count:
                self._buckets[number].inc(count)
                self._counts[number] = 0
        if self._pending_sum:
            self._sum.inc(self._pending_sum)
            self._pending_sum = 0.0
