"""How long the calls of one model version take, and how many come back: measured, not judged."""

from typing import Final

from control.core.adaptive_limit import Window

#: Fewer ends than these say nothing yet: their window goes on.
_FEWEST_ENDS: Final = 10
#: The fastest call is remembered for one to two of these, so that a model that has become faster,
#: or whose every caller is refused for its sake, is soon tried again.
_GENERATION_S: Final = 10.0
_FEWEST_SUCCESSES: Final = 10
#: What is predicted stays below what was seen: who could have been answered is never refused.
_CAUTION: Final = 0.8
_MEAN_SMOOTHING: Final = 0.3


class CallTimes:
    """Counts the ends of calls; ``turn`` closes windows a few times a second."""

    __slots__ = (
        "_drops",
        "_generation",
        "_generation_began_s",
        "_last_generation",
        "_rtt_sum_s",
        "_successes",
        "_successes_of_generation",
        "_successes_of_last",
        "ends",
        "fastest_s",
        "mean_rtt_s",
        "most_in_flight",
    )

    def __init__(self, now_s: float) -> None:
        """Begin with no history."""
        #: Seconds that no call undercuts; 0 while unknown.
        self.fastest_s = 0.0
        #: Seconds that a call takes now; 0 while unknown.
        self.mean_rtt_s = 0.0
        #: Calls that came back in the window, and the most in flight at once.
        self.ends = self.most_in_flight = 0
        self._drops = self._successes = 0
        self._rtt_sum_s = 0.0
        self._generation = self._last_generation = float("inf")
        self._successes_of_generation = self._successes_of_last = 0
        self._generation_began_s = now_s

    def succeeded(self, rtt_s: float) -> None:
        """Count a right answer."""
        self.ends += 1
        self._successes += 1
        self._successes_of_generation += 1
        self._rtt_sum_s += rtt_s
        self._generation = min(self._generation, rtt_s)

    def dropped(self) -> None:
        """Count a call that overload cost its answer."""
        self.ends += 1
        self._drops += 1

    def turn(self, now_s: float) -> Window | None:
        """Give the window if it has enough in it, and begin the next."""
        if now_s >= self._generation_began_s + _GENERATION_S:
            self._age(now_s)
        known = self._successes_of_generation + self._successes_of_last >= _FEWEST_SUCCESSES
        fastest = min(self._generation, self._last_generation)
        self.fastest_s = _CAUTION * fastest if known else 0.0
        if self.ends < _FEWEST_ENDS:
            return None
        rtt_s = self._rtt_sum_s / self._successes if self._successes else 0.0
        if rtt_s:
            old = self.mean_rtt_s or rtt_s
            self.mean_rtt_s = old + _MEAN_SMOOTHING * (rtt_s - old)
        window = Window(self.ends, self._drops, rtt_s, self.most_in_flight)
        self.ends = self._drops = self._successes = self.most_in_flight = 0
        self._rtt_sum_s = 0.0
        return window

    def _age(self, now_s: float) -> None:
        if now_s >= self._generation_began_s + 2.0 * _GENERATION_S:  # nobody looked for long
            self._successes_of_generation, self._generation = 0, float("inf")
        self._successes_of_last, self._last_generation = (
            self._successes_of_generation,
            self._generation,
        )
        self._successes_of_generation, self._generation = 0, float("inf")
        self._generation_began_s = now_s
