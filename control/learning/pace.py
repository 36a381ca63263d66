"""How many requests a second are looked into: all while there are few, a random share of many."""

import math

#: Unused chances are kept for so long, so that a short burst is seen whole.
_BURST_S = 1.0


class Pace:
    """Lets ``rate`` a second through, on average; belongs to the event loop.

    A turn's distance to the next is drawn at random: a client with a rhythm of its own is then
    neither always seen nor never. What comes from ``next_s`` on is to be looked into.
    """

    __slots__ = ("_interval_s", "next_s")

    def __init__(self, rate: float) -> None:
        """Start with a burst's worth of chances."""
        self._interval_s = 1.0 / rate
        self.next_s = -math.inf

    def take(self, now_s: float, draw: float) -> None:
        """Use one chance; ``draw`` is a random number from 0 to 1."""
        self.next_s = max(self.next_s, now_s - _BURST_S) + 2 * draw * self._interval_s
