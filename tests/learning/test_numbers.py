"""What is learned of numeric inputs."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import TensorSpec
from control.learning.numbers import LearnedNumbers
from control.learning.share import share_of
from control.learning.sketches import count_of, deciles_of
from control.learning.summary import InputSummary
from tests.learning.made_requests import numbers

ALL = share_of(1, 0.0)
DATATYPES = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"]
FLOATS = ["FP16", "BF16", "FP32", "FP64"]


def learned(datatype: str, *values: object, dims: tuple[int, ...] = (-1,)) -> InputSummary:
    """What is learned of some tensors."""
    one = LearnedNumbers(TensorSpec("X", datatype, dims))
    for tensor in values:
        one.note(numbers("X", datatype, tensor), False, ALL)  # noqa: FBT003 - no batch
    return one.summary()


@pytest.mark.parametrize("datatype", DATATYPES + FLOATS)
def test_every_datatype_is_learned(datatype: str) -> None:
    """Extremes are exact, and every element of a small tensor is in the sketch."""
    summary = learned(datatype, [1, 2, 3], [0, 4])
    values = summary.features["values"]
    assert (values.low, values.high) == (0, 4)
    assert count_of(values) == 5
    assert summary.features["dim0"].low == 2
    assert summary.features["dim0"].high == 3
    assert (summary.requests, summary.partly, summary.fractional) == (2, 0, False)


def test_booleans_are_numbers() -> None:
    """The share of true elements is a distribution like any other."""
    summary = learned("BOOL", [True, False, True, True])
    values = summary.features["values"]
    assert (values.low, values.high) == (0, 1)
    assert isinstance(values.low, int)
    assert not isinstance(values.low, bool)
    assert deciles_of(values)[2:4] == (0.0, 1.0)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**53 + 1])
def test_large_integers_are_exact(value: int) -> None:
    """An extreme of 64 bits loses no digit."""
    assert learned("INT64", [value, 0]).features["values"].low in (value, 0)
    assert value in (
        learned("INT64", [value, 0]).features["values"].low,
        learned("INT64", [value, 0]).features["values"].high,
    )


@pytest.mark.parametrize("datatype", FLOATS)
def test_what_is_not_finite_is_counted_and_left_out(datatype: str) -> None:
    """Not-a-number and infinities neither move the extremes nor enter the sketch."""
    summary = learned(datatype, [1.5, math.nan, math.inf, -math.inf, 2.5])
    values = summary.features["values"]
    assert summary.non_finite == 3
    assert (values.low, values.high) == (1.5, 2.5)
    assert count_of(values) == 2


@pytest.mark.parametrize("datatype", FLOATS)
@pytest.mark.parametrize(("value", "fractional"), [(3.0, False), (3.5, True), (-0.25, True)])
def test_fractions_are_seen(datatype: str, value: float, fractional: bool) -> None:
    """Whole numbers in a float are told from others."""
    assert learned(datatype, [1.0, value]).fractional is fractional


def test_a_fraction_outside_the_sample_is_seen_too() -> None:
    """Wholeness is a claim about every element, not about a sample."""
    values = np.zeros(10_000, np.float32)
    values[4321] = 0.5
    assert learned("FP32", values).fractional


def test_extremes_outside_the_sample_are_seen_too() -> None:
    """So is a range."""
    values = np.zeros(10_000, np.float32)
    values[4321], values[77] = 9.0, -9.0
    found = learned("FP32", values).features["values"]
    assert (found.low, found.high) == (-9.0, 9.0)
    assert count_of(found) == 500


@given(st.integers(1, 3_000_000), st.floats(0.0, 1.0, exclude_max=True))
def test_of_a_large_tensor_one_stretch_is_looked_at(count: int, place: float) -> None:
    """Whatever the size, the sample and the stretch stay within the tensor and their bounds."""
    one = LearnedNumbers(TensorSpec("X", "UINT8", (-1,)))
    tensor = numbers("X", "UINT8", np.ones(count, np.uint8))
    one.note(tensor, False, share_of(1, place))  # noqa: FBT003
    summary = one.summary()
    assert summary.partly == (1 if count > 16_384 else 0)
    assert 0 < count_of(summary.features["values"]) <= 512
    assert summary.features["values"].low == summary.features["values"].high == 1


def test_kinds_are_counted_while_they_are_few() -> None:
    """Twenty different whole numbers are kinds, more are numbers."""
    assert learned("INT32", [1, 1, 3], [3]).distinct == [(1, 2), (3, 2)]
    assert learned("INT32", list(range(20))).distinct is not None
    assert learned("INT32", list(range(15)), list(range(10, 21))).distinct is None
    assert learned("FP32", [1.0, 2.0]).distinct == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("datatype", "values"),
    [("FP32", [1.0, 1.5]), ("INT64", [2**53, 1]), ("UINT8", np.ones(513, np.uint8))],
)
def test_kinds_are_given_up_where_they_cannot_be_known(datatype: str, values: object) -> None:
    """Fractions, giants and elements that went unseen make a list of kinds wrong."""
    assert learned(datatype, values, [1]).distinct is None


def test_empty_tensors_are_only_counted() -> None:
    """No element teaches nothing but its absence."""
    summary = learned("FP32", [], [])
    assert summary.requests == 2
    assert list(summary.features) == ["dim0"]


def test_memory_does_not_grow_with_traffic() -> None:
    """A hundred times the requests take no more memory than the first few hundred."""
    one = LearnedNumbers(TensorSpec("X", "FP32", (-1,)))
    rng = np.random.default_rng(1)
    tensors = [numbers("X", "FP32", rng.random(64)) for _ in range(50)]

    def learn(rounds: int) -> int:
        tracemalloc.start()
        for _ in range(rounds):
            for tensor in tensors:
                one.note(tensor, False, ALL)  # noqa: FBT003
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    learn(10)
    assert learn(100) < 64_000
    assert len(one.summary().features["values"].sketch) < 10_000
