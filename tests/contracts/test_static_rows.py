"""A static answer's values become an output's bytes, exactly or not at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.contracts.static_rows import static_fault, static_output
from control.core.contract import TensorSpec
from control.core.elements import NUMPY, as_array, unpack_bytes
from control.core.number_rules import INTEGER_RANGES


def spec(datatype: str, *dims: int) -> TensorSpec:
    """An output."""
    return TensorSpec("Y", datatype, dims)


@pytest.mark.parametrize(
    ("dims", "row", "shape"),
    [
        ((1,), 5, (1,)),
        ((1, 1), 5, (1, 1)),
        ((-1,), 5, (1,)),
        ((), 5, ()),
        ((1,), [5], (1,)),
        ((2,), [5, 6], (2,)),
        ((-1,), [], (0,)),
        ((2, -1), [[1, 2, 3], [4, 5, 6]], (2, 3)),
    ],
)
def test_lists_are_nested_as_the_dimensions_are(dims, row, shape):
    """One value will do where every dimension is of one."""
    found = static_output(spec("INT32", *dims), row)
    assert found.shape == shape
    assert as_array(found.data, "INT32").tolist() == np.array(row).flatten().tolist()


@pytest.mark.parametrize(
    ("datatype", "dims", "row", "words"),
    [
        ("INT8", (2,), 5, "says dims [2], got []"),
        ("INT8", (2,), [5], "says dims [2], got [1]"),
        ("INT8", (1,), [[5]], "says dims [1], got [1, 1]"),
        ("INT8", (-1, 2), [], "says dims [-1, 2], got [0]"),
        ("INT8", (-1, -1), [[1], [2, 3]], "must be nested evenly"),
        ("INT8", (-1, -1), [[1], 2], "must be nested evenly"),
        ("INT8", (1,), 128, "INT8 holds -128..127, got 128"),
        ("INT8", (1,), 0.5, "INT8 holds whole numbers only, got 0.5"),
        ("INT8", (1,), True, "must be a number, as the datatype is INT8, got True"),
        ("FP32", (1,), "1", "must be a number"),
        ("FP16", (1,), 65505, "FP16 holds -65504.0..65504.0, got 65505"),
        ("BOOL", (1,), 1, "must be true or false, got 1"),
        ("BYTES", (1,), True, "must be a text: put it in quotes (True)"),
    ],
)
def test_what_an_output_cannot_hold_is_told(datatype, dims, row, words):
    """With what it could."""
    assert words in static_fault(spec(datatype, *dims), row)


@pytest.mark.parametrize("datatype", sorted(INTEGER_RANGES.keys() - {"BOOL"}))
def test_whole_numbers_are_kept_to_the_ends_of_their_range(datatype):
    """No bit is lost on the way, and a whole number may be written with a point."""
    ends = list(INTEGER_RANGES[datatype])
    found = static_output(spec(datatype, -1), [*ends, 2.0])
    assert as_array(found.data, datatype).tolist() == [*ends, 2]


@given(st.sampled_from(["FP16", "BF16", "FP32", "FP64"]), st.floats(-60000, 60000))
def test_floats_become_the_nearest_of_their_datatype(datatype, number):
    """As in every other form that a float can be sent in."""
    (held,) = as_array(static_output(spec(datatype, 1), number).data, datatype).tolist()
    if datatype == "BF16":
        assert abs(held - number) <= max(abs(number) * 2**-8, 2**-126)
    else:
        assert held == np.array(number).astype(NUMPY[datatype])


@given(st.lists(st.text()))
def test_texts_are_utf_8_with_their_length(words):
    """Whatever is in them."""
    found = static_output(spec("BYTES", -1), words)
    assert [bytes(one).decode() for one in unpack_bytes(found.data)] == words


def test_truth_is_a_byte():
    """One for true."""
    assert static_output(spec("BOOL", 2), [True, False]).data == b"\1\0"
