"""Where two answers differ first, and what it costs to find it."""

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.agreement import disagreement, first_difference
from tests.core.answer_tensors import numbers, texts


@pytest.mark.parametrize(
    ("one", "other", "where"),
    [
        (texts("a", "my pin is 1234"), texts("a", "my pin is 9"), "[1] differs from byte 10 on"),
        (texts("secret"), texts("secrets"), "[0] differs from byte 6 on"),
        (texts("", "x"), texts("y", "x"), "[0] differs from byte 0 on"),
        (
            numbers("FP64", 1, 20.25, name="T"),
            numbers("FP64", 1, 18, name="T"),
            "[1] differs by 2.25, more than 1e-05 + 0.001 of it",
        ),
        (
            numbers("INT64", 2**62, name="T"),
            numbers("INT64", 2**62 + 1, name="T"),
            "[0] differs by 1",
        ),
        (
            numbers("FP32", math.inf, name="T"),
            numbers("FP32", -math.inf, name="T"),
            "[0] differs by inf, more than 1e-05 + 0.001 of it",
        ),
        (numbers("BOOL", 1, name="T"), numbers("BOOL", 0, name="T"), "[0] differs by 1"),
        (texts("a"), numbers("FP32", 1, name="T"), " has datatype FP32, expected BYTES"),
    ],
)
def test_where_answers_differ_is_said_without_what_they_say(one, other, where):
    """Good for a log, which must not hold what a model answered."""
    found = first_difference([one], [other], {})
    assert found is not None
    assert found.where == f"outputs.T{where}"
    assert first_difference([one], [one], {}) is None


TEXTS = st.lists(st.binary(max_size=3), min_size=1, max_size=6)


@given(TEXTS, st.data(), st.sampled_from([0, 70_000]))
def test_the_first_text_that_differs_is_found(before: list[bytes], data: Any, more: int):
    """Held against the rule text by text, also behind the first block of bytes."""
    wanted = [b"x" * more, *before]
    got = [one if data.draw(st.booleans()) else data.draw(st.binary(max_size=3)) for one in wanted]
    pairs = enumerate(zip(wanted, got, strict=True))
    first = next((n for n, (one, other) in pairs if one != other), None)
    found = first_difference([texts(*wanted)], [texts(*got)], {})
    if first is None:
        assert found is None
        return
    one, other = wanted[first], got[first]
    same = next((n for n in range(min(len(one), len(other))) if one[n] != other[n]), None)
    parting = min(len(one), len(other)) if same is None else same
    assert found is not None
    assert found.where == f"outputs.T[{first}] differs from byte {parting} on"


def test_long_texts_are_not_walked_byte_by_byte():
    """Other threads would wait for the interpreter meanwhile."""
    long = b"x" * (16 * 1024 * 1024)
    one, other = texts(long + b"a"), texts(long + b"b")
    began_s = time.process_time()
    assert disagreement([one], [other], {}).endswith("xa'")
    assert time.process_time() - began_s < 0.5
