"""The distance of recent inputs from learned ones."""

import math
import random
from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from control.core.drift import DECILES, Bins, Deciles, Drift, bins_of, measure_drift

NUMBERS = st.floats(-1e6, 1e6) | st.integers(-5, 5).map(float)


def deciles_of(values: Sequence[float]) -> Deciles:
    """Exact deciles: the least value with at least that share of values up to it."""
    ordered = sorted(values)
    ranks = [max(0, math.ceil(place * len(ordered) / 10) - 1) for place in range(DECILES)]
    return tuple(ordered[rank] for rank in ranks)


def counted(bins: Bins, values: Sequence[float]) -> list[int]:
    """The values by slot."""
    counts = [0] * bins.slots
    for value in values:
        counts[bisect_left(bins.bounds, value)] += 1
    return counts


def drift(learned: Sequence[float], recent: Sequence[float]) -> Drift:
    """How far ``recent`` is from ``learned``."""
    bins = bins_of(deciles_of(learned))
    found = measure_drift(bins, counted(bins, recent))
    assert found is not None
    return found


@given(st.lists(NUMBERS, min_size=1, max_size=300))
@example([0.0] * 999 + [1.0])
@example([0.0] + [1.0] * 999)
@example([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0] * 50)
def test_an_unchanged_input_has_not_drifted(values: list[float]) -> None:
    """Whatever the distribution, with repeated values or none, the same values have a PSI of 0."""
    found = drift(values, values)
    assert found.psi == pytest.approx(0.0, abs=1e-9)
    assert found.outside_ratio == 0.0


@given(st.lists(NUMBERS, min_size=1, max_size=99), st.lists(NUMBERS, min_size=1, max_size=99))
def test_the_index_is_never_negative(learned: list[float], recent: list[float]) -> None:
    """Each bin adds to the distance, and the share outside is a share."""
    found = drift(learned, recent)
    assert found.psi >= 0.0
    assert math.isfinite(found.psi)
    assert 0.0 <= found.outside_ratio <= 1.0


@given(st.lists(NUMBERS, min_size=1, max_size=99), st.lists(NUMBERS, min_size=1, max_size=99))
def test_outside_is_what_was_never_learned(learned: list[float], recent: list[float]) -> None:
    """The extremes themselves are inside."""
    beyond = [one for one in recent if not min(learned) <= one <= max(learned)]
    assert drift(learned, recent).outside_ratio == pytest.approx(len(beyond) / len(recent))


def test_the_formula_is_the_textbooks() -> None:
    """Ten bins of a tenth each; half the values have moved from the last bin to the first."""
    deciles = tuple(float(place) for place in range(DECILES))
    counts = counted(bins_of(deciles), [0.5] * 15 + [k + 0.5 for k in range(1, 9)] * 10 + [9.5] * 5)
    found = measure_drift(bins_of(deciles), counts)
    assert found is not None
    expected = (0.15 - 0.1) * math.log(0.15 / 0.1) + (0.05 - 0.1) * math.log(0.05 / 0.1)
    assert found.psi == pytest.approx(expected)


def test_the_usual_thresholds_tell_a_shift_from_chance() -> None:
    """A thousand values of the same normal distribution stay below 0.1, a shifted one does not."""
    chance = random.Random(7)
    learned = [chance.gauss(0.0, 1.0) for _ in range(10_000)]
    same = [chance.gauss(0.0, 1.0) for _ in range(1000)]
    shifted = [chance.gauss(0.7, 1.0) for _ in range(1000)]
    wider = [chance.gauss(0.0, 2.0) for _ in range(1000)]
    assert drift(learned, same).psi < 0.1
    assert drift(learned, shifted).psi > 0.25
    assert drift(learned, wider).psi > 0.25


@pytest.mark.parametrize(
    ("learned", "recent"),
    [
        ([0.0] * 99 + [1.0], [0.0] * 50 + [1.0] * 50),
        ([0.0] * 1 + [1.0] * 99, [0.0] * 100),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 20, [1.0] * 120),
        ([5.0] * 100, [6.0] * 100),
    ],
)
def test_repeated_values_that_change_their_shares_have_drifted(
    learned: list[float], recent: list[float]
) -> None:
    """Kinds and constants are compared too, though the deciles say less about them."""
    assert drift(learned, recent).psi > 0.25


def test_an_empty_bin_counts_as_half_a_value() -> None:
    """Few values cannot prove that a bin is empty: the index stays finite, and grows with them."""
    deciles = tuple(float(place) for place in range(DECILES))
    bins = bins_of(deciles)
    few = measure_drift(bins, counted(bins, [0.5] * 10))
    many = measure_drift(bins, counted(bins, [0.5] * 1000))
    assert few is not None
    assert many is not None
    assert few.psi < many.psi < math.inf


def test_without_values_there_is_no_measure() -> None:
    """No data is not health."""
    bins = bins_of((1.0,) * DECILES)
    assert measure_drift(bins, [0] * bins.slots) is None
