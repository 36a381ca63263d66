"""From extremes to limits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.learning.bounds import (
    least_count,
    upper_batch,
    upper_body_bytes,
    upper_bytes,
    upper_count,
    value_bounds,
    widened,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
RANGES = {"INT8": (-128, 127), "UINT8": (0, 255), "INT64": (-(2**63), 2**63 - 1)}


@given(FINITE, FINITE)
def test_a_widened_range_holds_what_was_seen(one: float, other: float) -> None:
    """No rounding ever cuts into the seen range, however large or small the numbers."""
    low, high = min(one, other), max(one, other)
    least, most = widened(low, high)
    assert least <= low
    assert high <= most
    if low >= 0:
        assert least >= 0
    if high <= 0:
        assert most <= 0


@given(st.integers(-(2**63), 2**64), st.integers(-(2**63), 2**64))
def test_whole_numbers_stay_whole(one: int, other: int) -> None:
    """A range of integers is widened by a tenth of its span, in integers."""
    low, high = min(one, other), max(one, other)
    least, most = widened(low, high)
    assert isinstance(least, int)
    assert isinstance(most, int)
    assert least <= low <= high <= most


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, (0.0, 1.1)),
        (-1.0, 1.0, (-1.2, 1.2)),
        (-3.2, 17.45, (-6.0, 20.0)),
        (2, 200, (0, 220)),
        (-5.0, -1.0, (-5.4, -0.6)),
    ],
)
def test_a_range_is_widened_by_a_tenth_and_rounded(
    low: float, high: float, expected: tuple[float, float]
) -> None:
    """Two digits of the span are enough to read, and 0 is not crossed where no value did."""
    assert widened(low, high) == pytest.approx(expected)


@given(st.sampled_from(sorted(RANGES)), st.data())
def test_a_limit_that_the_datatype_sets_is_left_out(datatype: str, data: st.DataObject) -> None:
    """A proposal says nothing that holds anyway."""
    floor, ceiling = RANGES[datatype]
    values = st.integers(floor, ceiling)
    low, high = sorted((data.draw(values), data.draw(values)))
    least, most = value_bounds(low, high, datatype)
    assert least is None or floor < least <= low
    assert most is None or high <= most < ceiling


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
def test_the_greatest_floats_have_no_limit(datatype: str) -> None:
    """A limit of infinity is none."""
    greatest = {"FP16": 65504.0, "BF16": 3.3895313892515355e38, "FP32": 3.4028234663852886e38}
    high = greatest.get(datatype, 1.7976931348623157e308)
    assert value_bounds(-high, high, datatype) == (None, None)
    least, most = value_bounds(-1.0, 1.0, datatype)
    assert least is not None
    assert most is not None
    assert math.isfinite(least)
    assert math.isfinite(most)


def test_of_a_constant_nothing_is_said() -> None:
    """One value shows no range."""
    assert value_bounds(3.0, 3.0, "FP32") == (None, None)
    assert value_bounds(0, 1, "BOOL") == (None, None)


@given(st.integers(0, 2**40))
def test_counts_are_rounded_up(high: int) -> None:
    """At least a tenth more than was seen, at most a third."""
    for upper in (upper_count, upper_bytes):
        proposed = upper(high)
        assert proposed * 10 >= high * 11
        assert proposed <= high * 1.45 + 2
    assert upper_body_bytes(high) >= max(high * 1.1, high + 1024)
    assert upper_batch(max(1, high)) >= high


@pytest.mark.parametrize(("high", "round_"), [(311, 350), (4000, 4400), (7, 8), (91, 110)])
def test_counts_are_round(high: int, round_: int) -> None:
    """A reader sees two digits."""
    assert upper_count(high) == round_


def test_the_least_length_is_one_or_none() -> None:
    """That texts were at least forty characters long is chance; that none was empty is not."""
    assert least_count(0) is None
    assert least_count(1) == least_count(40) == 1
