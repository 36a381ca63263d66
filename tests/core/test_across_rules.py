"""Rules over several inputs, and over parameters."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.core.across_rules import (
    ParameterRule,
    TokenSum,
    check_parameter,
    check_same_length,
    check_token_sum,
)

NAMES = st.sampled_from("ABCD")
SHAPES = st.dictionaries(NAMES, st.lists(st.integers(0, 4), max_size=3))


@settings(deadline=None)
@given(st.lists(NAMES, min_size=2, max_size=4, unique=True), SHAPES, st.integers(0, 1))
def test_inputs_of_a_group_are_as_long_as_its_first(group, shapes, dim):
    """Each input that is there, and has the dimension, is held against the first of them."""
    lengths = {n: shapes[n][dim] for n in group if len(shapes.get(n, [])) > dim}
    found = [one.path for one in check_same_length(group, shapes, dim)]
    first = next(iter(lengths.values()), 0)
    assert found == [f"inputs.{n}.shape" for n, length in lengths.items() if length != first]


def test_another_length_is_told_with_the_right_one():
    """The client learns which input sets the length, and what it is."""
    (found,) = check_same_length(("A", "B"), {"A": [2, 7], "B": [2, 9]}, 1)
    assert (found.rule, found.limit, found.got) == ("same_length", "7, as A has", 9)


@settings(deadline=None)
@given(st.integers(1, 5), st.data(), st.integers(0, 30))
def test_tokens_of_a_row_are_added_up(rows, data, most):
    """Each row's sum is checked by itself; an input with one text counts in every row."""
    column = st.lists(st.integers(0, 9), min_size=rows, max_size=rows)
    one_text = st.lists(st.integers(0, 9), min_size=1, max_size=1)
    counts = data.draw(st.dictionaries(NAMES, column | one_text))
    more = data.draw(column | one_text)
    rule = TokenSum("context", ("A", "B"), most)
    columns = [counts[n] for n in "AB" if n in counts] + [more]
    height = max(map(len, columns))
    sums = [sum(c[row if len(c) > 1 else 0] for c in columns) for row in range(height)]
    found = [(one.path, one.got) for one in check_token_sum(rule, counts, more)]
    assert found == [
        (f"inputs.A[{row}], inputs.B[{row}]", total)
        for row, total in enumerate(sums)
        if total > most
    ]


def test_a_sum_without_its_inputs_is_not_too_large():
    """Optional inputs that are not there have no tokens."""
    assert list(check_token_sum(TokenSum("total_tokens", ("A",), 1), {})) == []
    assert list(check_token_sum(TokenSum("total_tokens", ("A",), 1), {"A": []})) == []


VALUES = {"boolean": True, "integer": 3, "number": 2.5, "string": "three"}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("given_kind", VALUES)
def test_a_parameter_has_its_type(kind, given_kind):
    """Types do not pass for each other, except an integer for a number: true is not 1."""
    found = list(check_parameter(ParameterRule("p", kind), {"p": VALUES[given_kind]}))
    if given_kind == kind or (kind, given_kind) == ("number", "integer"):
        assert found == []
    else:
        assert [(one.rule, one.limit, one.got) for one in found] == [
            ("parameter_type", kind, given_kind)
        ]


def test_a_parameter_may_be_left_out_unless_it_is_required():
    """A missing parameter is complained about where the contract needs it."""
    assert list(check_parameter(ParameterRule("p", "integer", least=5), {})) == []
    (found,) = check_parameter(ParameterRule("p", "integer", required=True), {"q": 1})
    assert (found.path, found.rule, found.got) == ("parameters.p", "required_parameter", "nothing")


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        (0, ["min"]),
        (1, []),
        (2.5, []),
        (3, []),
        (3.01, ["max"]),
        (math.inf, ["max"]),
        (-math.inf, ["min"]),
        (math.nan, ["min"]),
        (2**64, ["max"]),
    ],
)
def test_a_number_lies_in_its_range(value, broken):
    """Both bounds belong to the range; not-a-number is in none."""
    rule = ParameterRule("p", "number", least=1, most=3)
    assert [one.rule for one in check_parameter(rule, {"p": value})] == broken


@pytest.mark.parametrize(
    ("values", "value", "good"),
    [
        ((True,), 1, False),
        ((True,), True, True),
        ((1,), True, False),
        ((1, 2), 2, True),
        ((1,), 1.0, True),
        ((0.5,), 0.5, True),
        (("a", "b"), "b", True),
        (("a", "b"), "c", False),
        (("1",), 1, False),
    ],
)
def test_only_listed_values_pass(values, value, good):
    """A value is on the list as what it is: 1 is not true, and not "1"."""
    kind = {bool: "boolean", str: "string"}.get(type(value), "number")
    found = list(check_parameter(ParameterRule("p", kind, values=values), {"p": value}))
    assert (found == []) == good
    assert all(one.rule == "values" for one in found)


def test_what_is_shown_of_values_is_short():
    """A long list, and a long text, are told from their beginning."""
    rule = ParameterRule("p", "string", values=tuple(str(n) * 100 for n in range(1000)))
    (found,) = check_parameter(rule, {"p": "x" * 1000})
    assert isinstance(found.limit, list)
    assert len(found.limit) == 64
    assert max(map(len, found.limit)) == 64
    assert found.got == "x" * 64


def test_the_length_of_a_string_is_counted_in_characters():
    """Not in bytes: that is how authors and clients count."""
    rule = ParameterRule("p", "string", max_chars=3)
    assert list(check_parameter(rule, {"p": "äöü"})) == []
    (found,) = check_parameter(rule, {"p": "äöüß"})
    assert (found.rule, found.limit, found.got) == ("max_chars", 3, 4)
