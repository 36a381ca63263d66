"""Sketches: quantiles of a stream in bounded memory."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.learning.sketches import LearnedFeature, count_of, deciles_of, merge_features
from control.learning.summary import FeatureSummary


def learned(values: list[float]) -> FeatureSummary:
    """A feature that has seen these values."""
    one = LearnedFeature()
    one.add_array(np.array(values))
    one.widen(min(values), max(values))
    found = one.summary()
    assert found is not None
    return found


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=200))
def test_deciles_rise_from_the_least_to_the_greatest(values: list[float]) -> None:
    """Eleven numbers, in order, whose ends are the exact extremes."""
    deciles = deciles_of(learned(values))
    assert len(deciles) == 11
    assert list(deciles) == sorted(deciles)
    assert (deciles[0], deciles[-1]) == (min(values), max(values))


def test_a_decile_has_its_share_of_values_up_to_it() -> None:
    """A hundred different values: each tenth one is a decile."""
    assert deciles_of(learned([float(n) for n in range(1, 101)])) == (1, *range(10, 101, 10))


def test_merging_is_as_if_one_had_seen_all() -> None:
    """Deciles of four merged parts are those of the whole, but for the sketch's error."""
    chance = random.Random(3)
    values = [chance.gauss(0.0, 1.0) for _ in range(40_000)]
    merged = merge_features([learned(values[start::4]) for start in range(4)])
    ordered = sorted(values)
    assert count_of(merged) == len(values)
    assert (merged.low, merged.high) == (ordered[0], ordered[-1])
    for place, decile in enumerate(deciles_of(merged)[1:-1], 1):
        rank = sum(value <= decile for value in values) / len(values)
        assert rank == pytest.approx(place / 10, abs=0.02)


def test_nothing_seen_is_no_summary() -> None:
    """A feature without values is absent, not empty."""
    assert LearnedFeature().summary() is None


@pytest.mark.parametrize("sketch", [b"", b"abc", bytes(64)])
def test_a_broken_sketch_is_a_value_error(sketch: bytes) -> None:
    """Whatever comes over the link, nothing but ValueError is raised."""
    good = learned([1.0, 2.0])
    for broken in (FeatureSummary(sketch, 0, 1), FeatureSummary(good.sketch[:-1], 0, 1)):
        with pytest.raises(ValueError, match="broken sketch"):
            count_of(broken)
