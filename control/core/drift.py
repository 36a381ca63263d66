"""How far recent inputs have moved from those that a contract was learned from.

The measure is the population stability index, PSI = sum over bins of (a - e) * ln(a / e), with e
the share of a bin when the contract was learned and a its share now. Source: N. Siddiqi, Credit
Risk Scorecards (Wiley, 2006), chapter 10, with ten bins of equal share. The usual reading: below
0.1 nothing has changed, from 0.25 on the population is another one.

A contract keeps eleven deciles only. Where values repeat (classes, zeros, padding) these do not
say exactly how large a bin was. Of all distributions with these deciles the one nearest to the
present is taken, so that an unchanged input has a PSI of 0 whatever its distribution.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final

#: The least value, nine deciles, the greatest value.
DECILES: Final = 11
_BINS: Final = DECILES - 1
_BIN_SHARE: Final = 1 / _BINS

Deciles = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Deciles by input and feature (``values``, ``dim0``, ``bytes``, ``chars``, ``tokens``)."""

    inputs: Mapping[str, Mapping[str, Deciles]] = field(default_factory=dict)


NO_ENVELOPE: Final = Envelope()


@dataclass(frozen=True, slots=True)
class Bins:
    """Deciles made ready for counting.

    ``edges`` are the different deciles, ``shares`` the least share of values up to each edge.
    ``bounds`` cut the numbers into slots: below the first edge, on it, between it and the next, on
    that, and so on, above the last. A value belongs to slot ``bisect_left(bounds, value)``.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    bounds: tuple[float, ...]

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self.bounds) + 1


@dataclass(frozen=True, slots=True)
class Drift:
    """How far recent values are from the learned ones.

    ``outside_ratio`` is the share of values below the least or above the greatest learned one.
    """

    psi: float
    outside_ratio: float


def bins_of(deciles: Deciles) -> Bins:
    """Prepare deciles, which must not fall."""
    edges = tuple(dict.fromkeys(deciles))
    last = {edge: place for place, edge in enumerate(deciles)}
    return Bins(
        edges=edges,
        shares=tuple(last[edge] / _BINS for edge in edges),
        bounds=tuple(
            bound for edge in edges for bound in (math.nextafter(edge, -math.inf), float(edge))
        ),
    )


def measure_drift(bins: Bins, counts: Sequence[int]) -> Drift | None:
    """Compare counts by slot with the deciles; None where nothing was counted."""
    total = sum(counts)
    if not total:
        return None
    outside = (counts[0] + counts[-1]) / total
    if len(bins.edges) == 1:  # all learned values were the same: there is in and out, no more
        psi = _stability_index((1.0, 0.0), (1 - outside, outside), total)
        return Drift(psi, outside)
    until = [count / total for count in accumulate(counts)]
    cuts = range(len(bins.edges) - 1)
    actual = [until[2 * cut + 1] for cut in cuts]
    expected = [
        _nearest_share(bins.shares[cut], actual[cut], counts[2 * cut + 1] / total, first=not cut)
        for cut in cuts
    ]
    return Drift(_stability_index(_parts(expected), _parts(actual), total), outside)


def _nearest_share(least: float, actual: float, tied: float, *, first: bool) -> float:
    """Give the share up to an edge, of those that the deciles allow the nearest to ``actual``.

    ``tied`` of the values lie on the edge itself. Where none does, the edge is no repeated value
    and the decile is exact, but for the least value: what lies below it belongs to the first bin.
    """
    slack = _BIN_SHARE if first else min(_BIN_SHARE, tied)
    return min(max(actual, least), least + slack)


def _parts(until: Sequence[float]) -> list[float]:
    return [high - low for low, high in pairwise((0.0, *until, 1.0))]


def _stability_index(expected: Sequence[float], actual: Sequence[float], total: int) -> float:
    # An empty bin has no logarithm: none of n values says no more than "less than one in n", so
    # it counts as half a value.
    floor = 0.5 / total
    pairs = [(max(e, floor), max(a, floor)) for e, a in zip(expected, actual, strict=True)]
    return sum((a - e) * math.log(a / e) for e, a in pairs)
