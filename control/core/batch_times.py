"""How long Triton takes for batches of each size, and from which size on larger ones gain little.

On a GPU a batch often takes as long as one row; on a CPU it takes as long as its rows do one by
one, and a larger batch only makes everyone wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: What a window's measures still count when the next one comes: a minute or so of memory.
_KEPT: Final = 0.98
#: Executions, as far as still remembered, below which a size is not judged.
_FEWEST_EXECUTIONS: Final = 2.0
#: A size whose rows a second come so close to the best needs no larger one.
_NEARLY_BEST: Final = 0.9
#: Triton counts nanoseconds: less is no measure.
LEAST_S: Final = 1e-9
#: Beyond chance and the mixture of sizes, by so much, the machine or its inputs have changed.
_OTHER_SPEED: Final = 1.25


@dataclass(frozen=True, slots=True)
class BatchTime:
    """So many ``executions`` of ``rows`` rows each took ``seconds`` altogether."""

    rows: int
    executions: int
    seconds: float


@dataclass(frozen=True, slots=True)
class UsefulBatch:
    """The smallest batch that is nearly as good as the best: its mean rows and seconds.

    ``untried`` says that still smaller ones have not been seen of late, and may be as good.
    """

    rows: float
    seconds: float
    untried: bool


class BatchTimes:
    """Remembers the last windows. Sizes are judged by doublings: single sizes are too noisy."""

    __slots__ = ("_doublings",)

    def __init__(self) -> None:
        """Know nothing."""
        self._doublings: dict[int, tuple[float, float, float]] = {}  # executions, rows, seconds

    def learn(self, batches: Iterable[BatchTime]) -> None:
        """Take in one window's executions."""
        real = [one for one in batches if one.rows and one.executions and one.seconds >= LEAST_S]
        slower = self._slower(real)
        kept = {
            doubling: (executions * _KEPT, rows * _KEPT, seconds * _KEPT * slower)
            for doubling, (executions, rows, seconds) in self._doublings.items()
        }
        for batch in real:
            doubling = batch.rows.bit_length()
            executions, rows, seconds = kept.get(doubling, (0.0, 0.0, 0.0))
            kept[doubling] = (
                executions + batch.executions,
                rows + batch.rows * batch.executions,
                seconds + batch.seconds,
            )
        self._doublings = kept

    def useful(self) -> UsefulBatch | None:
        """Give the smallest batch that is nearly as good as the best; None where none is known."""
        known = [
            (rows / executions, seconds / executions)
            for executions, rows, seconds in self._doublings.values()
            if executions >= _FEWEST_EXECUTIONS and seconds >= LEAST_S
        ]
        best = max((rows / seconds for rows, seconds in known), default=0.0)
        good = [one for one in known if one[0] / one[1] >= best * _NEARLY_BEST]
        if not good:
            return None
        rows, seconds = min(good)
        return UsefulBatch(rows, seconds, untried=rows > 1.0 and rows == min(known)[0])

    def _slower(self, batches: Sequence[BatchTime]) -> float:
        """Give how much slower than remembered these batches surely were.

        What is slow for one size is slow for all: else the sizes that were not seen meanwhile
        would look better than they are.
        """
        took_s = least_s = most_s = 0.0
        for batch in batches:
            known = self._doublings.get(batch.rows.bit_length())
            if known is not None:
                executions, rows, seconds = known
                expected_s = batch.executions * seconds / executions
                larger = batch.rows * executions / rows  # its time may have grown with it, or not
                took_s += batch.seconds
                least_s += expected_s * min(1.0, larger)
                most_s += expected_s * max(1.0, larger)
        if took_s > most_s * _OTHER_SPEED > 0.0:
            return took_s / most_s
        return took_s / least_s if 0.0 < took_s * _OTHER_SPEED < least_s else 1.0
