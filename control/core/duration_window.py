"""How long calls take: stable's 90th percentile, and which calls of the canary are clocked.

Durations are counted in classes that are 3 % wide, and the class of the percentile is followed from
call to call, so that a call costs the same whatever the window.
"""

from math import ceil, log
from typing import Final

#: Calls that count. Few enough to follow a load that changes, enough for a steady percentile.
_SIZE: Final = 256
#: With fewer the percentile is no more than one of the longest calls.
_FEWEST: Final = 20
#: Of so many calls one may take longer than the percentile.
_ONE_IN: Final = 10
_WIDTH: Final = 1.03
_SHORTEST_S: Final = 10e-6
_CLASSES: Final = 700  # up to 10 000 s
_PER_LOG: Final = 1.0 / log(_WIDTH)
#: Samples a second that are taken of the canary.
_PACE: Final = 5
#: The first successes of a version find its caches cold.
_COLD_CALLS: Final = 5


class DurationWindow:
    """The last calls. ``p90_s`` is at most 3 % too long; None while too few are known."""

    __slots__ = ("_above", "_at", "_counts", "_known", "_last", "_place", "p90_s")

    def __init__(self) -> None:
        """Know nothing."""
        self._counts = [0] * _CLASSES
        self._last = [0] * _SIZE
        self._place = self._known = 0
        self._at = self._above = 0  # the percentile's class, and the calls in those above it
        self.p90_s: float | None = None

    def add(self, duration_s: float) -> None:
        """Put a call in the oldest one's place."""
        counts, place = self._counts, self._place
        if self._known < _SIZE:
            self._known += 1
        else:
            oldest = self._last[place]
            counts[oldest] -= 1
            if oldest > self._at:
                self._above -= 1
        newest = _class_of(duration_s)
        counts[newest] += 1
        if newest > self._at:
            self._above += 1
        self._last[place] = newest
        self._place = (place + 1) % _SIZE
        self._follow()

    def _follow(self) -> None:
        counts, at, above, most = self._counts, self._at, self._above, self._known // _ONE_IN
        while above > most:
            at += 1
            above -= counts[at]
        while at and above + counts[at] <= most:
            above += counts[at]
            at -= 1
        if (at != self._at or self.p90_s is None) and self._known >= _FEWEST:
            self.p90_s = _SHORTEST_S * _WIDTH ** (at + 1)
        self._at, self._above = at, above


class SamplePace:
    """Takes every k-th success of the canary, about five a second, but for the first few.

    Calls at the same moment are held up by the same thing (a pause of half a second holds up a
    thousand, where a thousand come): they say little more than one. Which is taken does not depend
    on how long it took.
    """

    __slots__ = ("_cold", "_every", "_second", "_seen", "_until_next")

    def __init__(self) -> None:
        """Begin with a version that has not been called."""
        self._cold = _COLD_CALLS
        self._every = self._until_next = 1
        self._second = self._seen = 0

    def takes(self, now_s: float) -> bool:
        """Say whether the call that ended now is a sample."""
        second = int(now_s)
        if second != self._second:
            # After a pause, too, when all come at once.
            self._every = max(1, ceil(self._seen / _PACE), self._every // 2)
            # One that has become slow has fewer calls: it is not to wait for as many as before.
            self._until_next = min(self._until_next, self._every)
            self._second, self._seen = second, 0
        self._seen += 1
        if self._cold:
            self._cold -= 1
            return False
        self._until_next -= 1
        if self._until_next > 0:
            return False
        self._until_next = self._every
        return True


def _class_of(duration_s: float) -> int:
    if duration_s <= _SHORTEST_S:
        return 0
    return min(int(log(duration_s / _SHORTEST_S) * _PER_LOG), _CLASSES - 1)
