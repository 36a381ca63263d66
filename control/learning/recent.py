"""The last minutes of one quantity, counted by the bins of what a contract was learned from.

Counts, not values: a window costs a few hundred bytes however much traffic there is.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from control.core.drift import Bins, Deciles, Drift, bins_of, measure_drift

#: Ten sub-windows of a minute: at any time the last nine to ten minutes.
WINDOWS: Final = 10
WINDOW_S: Final = 60.0
#: With fewer, the index is mostly chance: 9 degrees of freedom over 100 values are about 0.1.
LEAST_VALUES: Final = 100
#: The elements of one tensor resemble each other: a single large request says little.
LEAST_REQUESTS: Final = 20
#: Of one request: enough for a share, and cheap.
_MOST_VALUES: Final = 128


class RecentValues:
    """Counts in rotating sub-windows; belongs to the event loop."""

    __slots__ = ("_bins", "_bounds", "_counts", "_requests", "_window")

    def __init__(self, deciles: Deciles) -> None:
        """Compare with ``deciles``; nothing is counted yet."""
        self._bins: Bins = bins_of(deciles)
        self._bounds: npt.NDArray[np.float64] = np.array(self._bins.bounds)
        self._counts: list[list[int]] = [[0] * self._bins.slots for _ in range(WINDOWS)]
        self._requests = [0] * WINDOWS
        self._window = 0

    def add_array(self, values: npt.NDArray[Any]) -> None:
        """Count the values of one request, or some of them where there are many."""
        step = -(-len(values) // _MOST_VALUES)
        slots = np.searchsorted(self._bounds, values[::step])
        counts = self._counts[self._window]
        for slot, count in enumerate(np.bincount(slots).tolist()):
            counts[slot] += count
        self._requests[self._window] += 1

    def add_each(self, values: Sequence[float]) -> None:
        """Count the few values of one request."""
        counts, bounds = self._counts[self._window], self._bins.bounds
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self._requests[self._window] += 1

    def rotate(self, turns: int) -> None:
        """Begin a new sub-window for each of ``turns``; the oldest is forgotten."""
        for _ in range(min(turns, WINDOWS)):
            self._window = (self._window + 1) % WINDOWS
            self._counts[self._window] = [0] * self._bins.slots
            self._requests[self._window] = 0

    def drift(self) -> Drift | None:
        """Compare the recent values; None while there are too few."""
        counts = [sum(slot) for slot in zip(*self._counts, strict=True)]
        if sum(counts) < LEAST_VALUES or sum(self._requests) < LEAST_REQUESTS:
            return None
        return measure_drift(self._bins, counts)
