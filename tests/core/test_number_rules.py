"""Rules on numbers, held against a reading of them element by element."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from control.core.elements import NUMPY, as_array
from control.core.number_rules import (
    FLOATS,
    GREATEST_FLOATS,
    INTEGER_RANGES,
    NumberRules,
    check_numbers,
    extremes,
    nearest,
)

ALL = sorted(FLOATS | INTEGER_RANGES.keys())
#: More elements than are looked at in one go.
MANY = 2 * 65_536 + 5
SPECIAL_HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x7C00, 0xFC00, 0x7C01, 0xFE00, 0x7F80, 0xFF80]
SPECIAL_HALVES += [0x7F81, 0xFFC0, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF, 0x7F7F, 0xFF7F, 0x03FF, 0x83FF]


def bits_of(datatype: str) -> st.SearchStrategy[bytes]:
    """The bytes of one element: any bits at all, special ones often."""
    if datatype == "BOOL":
        return st.sampled_from([b"\0", b"\1"])
    if datatype in {"FP16", "BF16"}:
        halves = st.sampled_from(SPECIAL_HALVES) | st.integers(0, 0xFFFF)
        return halves.map(lambda bits: struct.pack("<H", bits))
    if datatype in FLOATS:
        width = 32 if datatype == "FP32" else 64
        numbers = st.floats(width=width) | st.integers(-3, 3).map(float)
        return numbers.map(lambda one: struct.pack("<f" if width == 32 else "<d", one))
    low, high = INTEGER_RANGES[datatype]
    near = st.sampled_from([low, high, 0, 1, high - 1, low + 1]) | st.integers(low, high)
    return near.map(lambda one: np.array(one, NUMPY[datatype]).tobytes())


def limits_of(datatype: str) -> st.SearchStrategy[float]:
    """Limits as an author may write them: what the datatype holds, or nearly."""
    if datatype in FLOATS:
        most = GREATEST_FLOATS[datatype]
        return st.floats(-most, most) | st.sampled_from([0.1, -0.1, 1e-7, 1.0, 2.5, most, -most])
    return st.integers(*INTEGER_RANGES[datatype])


@st.composite
def cases(draw: st.DrawFn) -> tuple[NumberRules, bytes]:
    """Some rules, and a tensor that may break them."""
    datatype = draw(st.sampled_from(ALL))
    limit = limits_of(datatype)
    elements = draw(st.lists(bits_of(datatype), max_size=9))
    listed = st.lists(limit, min_size=1, max_size=20).map(tuple)
    is_float = datatype in FLOATS
    rules = NumberRules(
        datatype,
        draw(st.none() | limit),
        draw(st.none() | limit),
        finite=is_float and draw(st.booleans()),
        integer=is_float and draw(st.booleans()),
        values=draw(st.none() | listed),
    )
    return rules, b"".join(elements)


def rounded(limit: float, datatype: str) -> float:
    """A limit in the datatype, by numpy's and the struct module's own conversions."""
    if datatype == "FP64" or datatype not in FLOATS:
        return limit
    if datatype == "BF16":
        # Both neighbours are tried, even ones first: BF16 is the upper half of FP32.
        single, bits = struct.unpack("<fI", struct.pack("<ff", limit, limit))
        uppers = sorted(
            {bits >> 16, min((bits >> 16) + 1, 0x7F7F | bits >> 16)}, key=lambda n: n & 1
        )
        near = [struct.unpack("<f", struct.pack("<HH", 0, upper))[0] for upper in uppers]
        return float(min(near, key=lambda one: abs(one - single)))
    return float(np.array(limit, NUMPY[datatype]))


def breaks(rules: NumberRules, rule: str, value: Any, raw: tuple[Any, Any]) -> bool:
    """The rule on one element, as a sentence says it."""
    least, most = raw
    finite = math.isfinite(value)
    match rule:
        case "finite":
            return rules.finite and not finite
        case "min" | "max" if rules.finite and not finite:
            return False
        case "min":
            return least is not None and not value >= least
        case "max":
            return most is not None and not value <= most
        case "integer":
            return rules.integer and not (finite and value == int(value))
        case _:
            allowed = [rounded(one, rules.datatype) for one in rules.values or ()]
            return rules.values is not None and value not in allowed


@settings(deadline=None, max_examples=600)
@given(cases())
def test_each_broken_rule_is_found_at_its_first_element(case):
    """One violation for each rule that an element breaks, at the first that does."""
    rules, data = case
    values = as_array(data, rules.datatype).tolist()
    found = [(one.rule, one.path) for one in check_numbers(rules, data, "x")]
    expected = []
    for rule in ("finite", "min", "max", "integer", "values"):
        raw = (rules.least, rules.most)
        first = next((n for n, v in enumerate(values) if breaks(rules, rule, v, raw)), None)
        if first is not None:
            expected.append((rule, f"x[{first}]"))
    assert found == expected


@settings(deadline=None)
@given(st.sampled_from(ALL), st.data())
def test_extremes_are_those_of_the_elements(datatype, data):
    """Least and greatest agree with a plain comparison; not-a-number anywhere makes both that."""
    raw = b"".join(data.draw(st.lists(bits_of(datatype), min_size=1, max_size=9)))
    values = as_array(raw, datatype).tolist()
    low, high = extremes(raw, datatype)
    if any(math.isnan(value) for value in values):
        assert math.isnan(low)
        assert math.isnan(high)
    else:
        assert (low, high) == (min(values), max(values))


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
@pytest.mark.parametrize(
    "halves",
    [[0x8000, 0x0000], [0x0000, 0x8000], [0x8000], [0x8001, 0x8000], [0xBC00, 0xC000, 0xBC01]],
)
def test_negative_halves_have_the_right_order(datatype, halves):
    """Minus zero is zero, and of negative numbers the one nearest to zero is the greatest."""
    data = struct.pack(f"<{len(halves)}H", *halves)
    values = as_array(data, datatype).tolist()
    assert extremes(data, datatype) == (min(values), max(values))


@pytest.mark.parametrize("datatype", ALL)
def test_an_empty_tensor_breaks_nothing(datatype):
    """Where there are no elements there is nothing wrong with them."""
    least, most = (5.0, -5.0) if datatype in FLOATS else (1, 0)
    rules = NumberRules(datatype, least, most, finite=True, integer=True, values=(1,))
    assert list(check_numbers(rules, b"", "x")) == []


@pytest.mark.parametrize("datatype", sorted(FLOATS - {"FP64"}))
@settings(deadline=None)
@given(limit=st.floats(-60000, 60000))
@example(limit=0.1)
@example(limit=-0.3)
def test_a_limit_is_met_by_the_number_that_a_client_writes_for_it(datatype, limit):
    """Where 0.1 is the most, a client that sends 0.1 in the model's datatype is not refused."""
    sent = nearest(limit, datatype)
    assert sent == rounded(limit, datatype)
    halves = struct.pack("<f", sent)[2:] if datatype == "BF16" else b""
    data = halves or np.array(sent, NUMPY[datatype]).tobytes()
    for rules in (
        NumberRules(datatype, least=limit),
        NumberRules(datatype, most=limit),
        NumberRules(datatype, values=(limit,)),
    ):
        assert list(check_numbers(rules, data, "x")) == []


@pytest.mark.parametrize("datatype", sorted(FLOATS))
def test_a_limit_beyond_the_datatype_still_stops_infinity(datatype):
    """A limit that the datatype cannot hold does not become infinity."""
    array = np.array([1.0, math.inf], np.float32)
    data = (
        (array.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        if datatype == "BF16"
        else array.astype(NUMPY[datatype]).tobytes()
    )
    most = GREATEST_FLOATS[datatype] * (1 if datatype == "FP64" else 2)
    (found,) = check_numbers(NumberRules(datatype, most=most), data, "x")
    assert (found.path, found.rule, found.got) == ("x[1]", "max", "inf")
    assert list(check_numbers(NumberRules(datatype, values=(1.0, most)), data[:0], "x")) == []


@pytest.mark.parametrize(
    ("datatype", "least", "value"),
    [
        ("INT64", 2**53, 2**53 - 1),
        ("INT64", 2.0**53 + 2, 2**53 + 1),
        ("INT64", 2**63 - 1, 2**63 - 2),
        ("UINT64", 2**64 - 1, 2**64 - 2),
        ("INT64", -(2**53) - 1, -(2**53) - 2),
    ],
)
def test_large_whole_numbers_are_compared_exactly(datatype, least, value):
    """No whole number is mistaken for its neighbour, however large."""
    good, bad = (np.array([one], NUMPY[datatype]).tobytes() for one in (least, value))
    assert list(check_numbers(NumberRules(datatype, least=least), good, "x")) == []
    (found,) = check_numbers(NumberRules(datatype, least=least), bad, "x")
    assert (found.limit, found.got) == (least, value)
    assert list(check_numbers(NumberRules(datatype, values=(least, 3)), good, "x")) == []
    assert list(check_numbers(NumberRules(datatype, values=(least, 3)), bad, "x"))


def test_a_limit_with_a_fraction_is_drawn_inwards_for_whole_numbers():
    """At least 0.5 is at least 1 where there are no halves."""
    rules = NumberRules("INT8", least=0.5, most=2.5)
    assert (rules.least, rules.most) == (1, 2)
    found = list(check_numbers(rules, bytes([1, 2, 0, 3]), "x"))
    assert [(one.rule, one.path) for one in found] == [("min", "x[2]"), ("max", "x[3]")]


@pytest.mark.parametrize(
    ("datatype", "values"), [("INT8", (300, 1.5)), ("BOOL", (2,)), ("UINT8", (-1,))]
)
def test_a_value_that_the_datatype_cannot_hold_allows_nothing(datatype, values):
    """A listed value is not wrapped or cut until it fits."""
    rules = NumberRules(datatype, values=values)
    for byte in range(2 if datatype == "BOOL" else 256):
        assert list(check_numbers(rules, bytes([byte]), "x"))


@pytest.mark.parametrize("finite", [True, False])
def test_not_a_number_is_within_no_range(finite):
    """It is refused once: as not finite where that is asked, else as out of range."""
    data = struct.pack("<3f", 1.0, math.nan, 9.0)
    rules = NumberRules("FP32", 0.0, 5.0, finite=finite)
    found = [(one.rule, one.path, one.got) for one in check_numbers(rules, data, "x")]
    if finite:
        assert found == [("finite", "x[1]", "nan"), ("max", "x[2]", 9.0)]
    else:
        assert found == [("min", "x[1]", "nan"), ("max", "x[1]", "nan")]


def test_a_tensor_of_infinities_only_has_no_finite_extremes():
    """Where nothing is left to compare, the range is not complained about."""
    data = struct.pack("<2f", math.inf, -math.inf)
    rules = NumberRules("FP32", 0.0, 5.0, finite=True)
    assert [one.rule for one in check_numbers(rules, data, "x")] == ["finite"]


@pytest.mark.parametrize("datatype", ALL)
@pytest.mark.parametrize("place", [0, 65_535, 65_536, MANY - 1])
def test_the_one_offender_of_a_large_tensor_is_found(datatype, place):
    """Its place is right wherever it is, also in the later blocks."""
    width = {"BF16": 2}.get(datatype) or np.dtype(NUMPY[datatype]).itemsize
    one = {"BF16": b"\x80\x3f"}.get(datatype) or np.array(1, NUMPY[datatype]).tobytes()
    data = bytearray(MANY * width)
    data[place * width : (place + 1) * width] = one
    for rules in (NumberRules(datatype, most=0), NumberRules(datatype, values=(0,))):
        (found,) = check_numbers(rules, data, "x")
        assert found.path == f"x[{place}]"
    assert list(check_numbers(NumberRules(datatype, values=(0, 1)), data, "x")) == []


@pytest.mark.parametrize("datatype", ALL)
@pytest.mark.parametrize("offset", [1, 3, 7])
def test_data_may_begin_anywhere(datatype, offset):
    """A tensor's bytes lie where the body has them, not where the processor likes them."""
    width = {"BF16": 2}.get(datatype) or np.dtype(NUMPY[datatype]).itemsize
    body = bytes(offset + 40 * width)
    view = memoryview(body)[offset:]
    rules = NumberRules(datatype, 0, 0, values=(0,))
    assert list(check_numbers(rules, view, "x")) == []
    (found,) = check_numbers(NumberRules(datatype, least=1), view, "x")
    assert found.path == "x[0]"


def test_limits_are_shown_as_the_author_wrote_them():
    """A client reads 0.1, not what FP32 makes of it; of many values it reads the first."""
    data = struct.pack("<f", 0.5)
    (most,) = check_numbers(NumberRules("FP32", most=0.1), data, "x")
    assert (most.limit, most.got) == (0.1, 0.5)
    (whole,) = check_numbers(NumberRules("FP32", most=0), data, "x")
    assert repr(whole.limit) == "0"
    many = tuple(n + 0.25 for n in range(1_234_567, 1_235_567))
    (values,) = check_numbers(NumberRules("FP32", values=many), data, "x")
    assert isinstance(values.limit, list)
    assert len(values.limit) == 64
    assert values.limit[0] == "1234567.25"
    large = struct.pack("<d", 1234567890.25)
    (exact,) = check_numbers(NumberRules("FP64", most=1234567890.125), large, "x")
    assert (exact.limit, exact.got) == (1234567890.125, 1234567890.25)


def test_rules_that_say_nothing_are_known_for_it():
    """Nothing is run for an input without rules."""
    assert not NumberRules("FP32").any
    assert NumberRules("FP32", least=0).any
    assert NumberRules("FP32", most=0).any
    assert NumberRules("FP32", integer=True).any
    assert NumberRules("FP32", values=(1,)).any
