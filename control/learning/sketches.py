"""One measured quantity while traffic comes in: a KLL sketch of a sample, and exact extremes.

KLL: Karnin, Lang and Liberty, Optimal Quantile Approximation in Streams (FOCS 2016). With k = 200
a quantile's rank is off by less than 1.7 % of the values with 99 % confidence, in 5 KiB. Doubles,
not floats: FP64 and large integers must neither overflow nor lose digits.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from datasketches import kll_doubles_sketch

from control.core.drift import DECILES, Deciles
from control.learning.recent import RecentValues
from control.learning.summary import FeatureSummary

SKETCH_K: Final = 200
_RANKS: Final = [place / (DECILES - 1) for place in range(DECILES)]

Array = npt.NDArray[Any]


class LearnedFeature:
    """Takes values in; belongs to the event loop."""

    __slots__ = ("_sketch", "high", "low", "recent")

    def __init__(self) -> None:
        """Start without a value."""
        self._sketch = kll_doubles_sketch(SKETCH_K)
        self.low: float = math.inf
        self.high: float = -math.inf
        self.recent: RecentValues | None = None

    def add_array(self, sample: Array) -> None:
        """Add finite numbers, of which the extremes are told apart (``widen``)."""
        values = sample.astype(np.float64)
        self._sketch.update(values)
        if self.recent is not None:
            self.recent.add_array(values)

    def add_each(self, values: Sequence[int]) -> None:
        """Add a few numbers; there is at least one."""
        update = self._sketch.update
        for value in map(float, values):  # of an integer the library makes nine times the work
            update(value)
        self.widen(min(values), max(values))
        if self.recent is not None:
            self.recent.add_each(values)

    def widen(self, low: float, high: float) -> None:
        """Take note of extremes."""
        self.low = min(low, self.low)
        self.high = max(high, self.high)

    def summary(self) -> FeatureSummary | None:
        """Give what was learned so far; None before the first value."""
        if self._sketch.is_empty():
            return None
        return FeatureSummary(self._sketch.serialize(), self.low, self.high)


def merge_features(parts: Sequence[FeatureSummary]) -> FeatureSummary:
    """Merge what several gateways, or several versions, have learned; raises ValueError."""
    merged = kll_doubles_sketch(SKETCH_K)
    for part in parts:
        merged.merge(_revive(part))
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    return FeatureSummary(merged.serialize(), low, high)


def count_of(feature: FeatureSummary) -> int:
    """Give the number of values in the sketch; raises ValueError."""
    return int(_revive(feature).n)


def deciles_of(feature: FeatureSummary) -> Deciles:
    """Give least value, nine deciles and greatest value; raises ValueError.

    A decile is the least value with at least that share of values up to it.
    """
    inner = _revive(feature).get_quantiles(_RANKS, True)[1:-1]  # noqa: FBT003 - positional only
    deciles = [float(feature.low), *inner, float(feature.high)]
    return tuple(max(float(feature.low), min(one, float(feature.high))) for one in deciles)


def _revive(feature: FeatureSummary) -> kll_doubles_sketch:
    try:
        sketch = kll_doubles_sketch.deserialize(feature.sketch)
    except (IndexError, RuntimeError, ValueError) as error:
        message = f"broken sketch: {error}"
        raise ValueError(message) from error
    if sketch.is_empty():
        message = "broken sketch: it is empty"
        raise ValueError(message)
    return sketch
