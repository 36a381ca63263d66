"""How fast places become free while all are taken: how long those who wait will have to.

Idle time does not count: a model with little to do ends few calls, and says nothing of its speed.
"""

from typing import Final

#: What is remembered is halved whenever it is of more time, calls and rounds of all places.
_MEMORY_S: Final = 1.0
_MEMORY_ENDS: Final = 40
_MEMORY_ROUNDS: Final = 4
#: Fewer ends say nothing; as many, or one round of all places, is what a first guess counts for.
_FEWEST_ENDS: Final = 10
#: After so long without a queue the model may be another: what was known is a first guess.
_PAUSE_S: Final = 1.0


class FreedPlaces:
    """Told when all places are taken (``begin``), when one of them ends, and when it is over."""

    __slots__ = ("_busy_s", "_ends", "_since_s", "is_busy")

    def __init__(self) -> None:
        """Begin with no history."""
        #: Whether all places are taken, or somebody waits.
        self.is_busy = False
        self._ends = self._busy_s = 0.0
        self._since_s = float("-inf")

    def __repr__(self) -> str:
        """One line for logs and tests."""
        return f"<FreedPlaces {self._ends:g} in {self._busy_s:.3f} s>"

    def begin(self, now_s: float, limit: int, rtt_s: float) -> None:
        """All places are taken from now on; ``rtt_s`` is what a call took until now, or 0.

        By Little's law so many places become free at ``limit / rtt_s``. That is too much where the
        calls will queue in Triton, so what is measured soon outweighs it.
        """
        if self.is_busy:
            return
        if now_s - self._since_s > _PAUSE_S:
            known = self._busy_s / self._ends if self._ends >= _FEWEST_ENDS else rtt_s / limit
            self._ends = float(max(limit, _FEWEST_ENDS)) if known else 0.0
            self._busy_s = self._ends * known
        self.is_busy, self._since_s = True, now_s

    def ended(self, now_s: float, limit: int) -> None:
        """One of the places has become free."""
        self._busy_s += now_s - self._since_s
        self._since_s = now_s
        self._ends += 1.0
        enough = max(_MEMORY_ENDS, _MEMORY_ROUNDS * limit)
        if self._busy_s >= _MEMORY_S and self._ends >= enough:
            self._busy_s /= 2.0
            self._ends /= 2.0

    def stop(self, now_s: float) -> None:
        """There are free places again."""
        if self.is_busy:
            self._busy_s += now_s - self._since_s
            self.is_busy, self._since_s = False, now_s

    def rate(self, now_s: float) -> float:
        """Give the places that become free in a second; 0 while unknown."""
        busy_s = self._busy_s + (now_s - self._since_s if self.is_busy else 0.0)
        return self._ends / busy_s if self._ends >= _FEWEST_ENDS and busy_s > 0.0 else 0.0
