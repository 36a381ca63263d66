"""When two answers to one request agree, and what is said where they do not."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from control.core.agreement import disagreement
from control.core.canary_policy import DEFAULT_TOLERANCE, Tolerance
from control.core.number_rules import INTEGER_RANGES
from control.core.tensors import AnswerTensor
from tests.core.answer_tensors import numbers, texts

EXACT = Tolerance(0, 0)
#: More elements than are compared in one go.
MANY = 2 * 65_536 + 5
#: More elements than are compared one by one.
MORE = 20


def bfloats(*values: float) -> AnswerTensor:
    """An output of BF16: the upper halves of FP32."""
    halves = np.array(values, np.float32).view(np.uint32) >> 16
    return AnswerTensor("Y", "BF16", [len(values)], halves.astype(np.uint16).tobytes())


def repeated(one: AnswerTensor) -> AnswerTensor:
    """The same values many times over."""
    shape = [MORE * one.shape[0], *one.shape[1:]]
    return AnswerTensor(one.name, one.datatype, shape, bytes(one.data) * MORE)


def differ(one: AnswerTensor, other: AnswerTensor, tolerance: Tolerance | None = None) -> str:
    """What is said of two answers of one output."""
    return disagreement([one], [other], {} if tolerance is None else {one.name: tolerance})


@pytest.mark.parametrize(
    ("one", "other", "tolerance"),
    [
        (numbers("FP32", 1.0), numbers("FP32", 1.0005), None),
        (numbers("FP32", 0.0), numbers("FP32", 9e-6), None),
        (numbers("FP32", 0.0), numbers("FP32", -0.0), EXACT),
        (numbers("FP64", 1.0), numbers("FP64", 1.25), Tolerance(0.25, 0)),
        (numbers("FP64", -100), numbers("FP64", -99), Tolerance(0, 0.01)),
        (
            numbers("FP32", math.nan, math.inf, -math.inf, 1),
            numbers("FP32", -math.nan, math.inf, -math.inf, 1.0001),
            None,
        ),
        (numbers("FP16", 1.0), numbers("FP16", 1.001), None),
        (bfloats(1.0, math.nan), bfloats(1.0078125, math.nan), Tolerance(0.01, 0)),
        (numbers("FP64", 1e308), numbers("FP64", 0.9e308), Tolerance(0, 10)),
        (numbers("INT64", 5), numbers("INT64", 5), None),
        (numbers("INT64", 2**63 - 1), numbers("INT64", 2**63 - 3), Tolerance(2, 0)),
        (numbers("UINT8", 255), numbers("UINT8", 254), Tolerance(0, 0.01)),
        (numbers("INT8", -128, 127), numbers("INT8", 127, -128), Tolerance(255, 0)),
        (AnswerTensor("B", "BOOL", [2], b"\1\0"), AnswerTensor("B", "BOOL", [2], b"\2\0"), None),
        (texts("a", ""), texts("a", ""), None),
        (
            AnswerTensor("Y", "FP32", [0], b""),
            AnswerTensor("Y", "FP32", [0], memoryview(b"")),
            None,
        ),
    ],
)
def test_what_is_near_enough_agrees(one, other, tolerance):
    """Numbers by tolerance; not-a-number agrees with itself, infinity with the same one."""
    assert differ(one, other, tolerance) == ""
    assert differ(repeated(one), repeated(other), tolerance) == ""
    assert differ(one, one, EXACT) == ""


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "said"),
    [
        (
            numbers("FP32", 1, 0.5),
            numbers("FP32", 1, 0.7),
            None,
            "outputs.Y[1] is 0.7, expected 0.5 within 1e-05 + 0.001 of it",
        ),
        (
            numbers("FP32", 1),
            numbers("FP32", math.nan),
            Tolerance(9, 9),
            "outputs.Y[0] is nan, expected 1.0 within 9 + 9 of it",
        ),
        (
            numbers("FP32", math.nan),
            numbers("FP32", 1),
            None,
            "outputs.Y[0] is 1.0, expected nan within 1e-05 + 0.001 of it",
        ),
        (
            numbers("FP64", 1e308),
            numbers("FP64", math.inf),
            Tolerance(0, 1000),
            "outputs.Y[0] is inf, expected 1e+308 within 0 + 1000 of it",
        ),
        (
            numbers("FP64", math.inf),
            numbers("FP64", 1.0),
            Tolerance(0, 1),
            "outputs.Y[0] is 1.0, expected inf within 0 + 1 of it",
        ),
        (
            numbers("FP64", math.inf),
            numbers("FP64", -math.inf),
            Tolerance(0, 1),
            "outputs.Y[0] is -inf, expected inf within 0 + 1 of it",
        ),
        (numbers("FP16", 1), numbers("FP16", 2), EXACT, "outputs.Y[0] is 2.0, expected 1.0"),
        (bfloats(1), bfloats(2), EXACT, "outputs.Y[0] is 2.0, expected 1.0"),
        (
            numbers("INT64", 2**62),
            numbers("INT64", 2**62 + 1),
            None,
            "outputs.Y[0] is 4611686018427387905, expected 4611686018427387904",
        ),
        (
            numbers("INT8", -128),
            numbers("INT8", 127),
            Tolerance(254, 0),
            "outputs.Y[0] is 127, expected -128 within 254 + 0 of it",
        ),
        (
            AnswerTensor("B", "BOOL", [2], b"\1\0"),
            AnswerTensor("B", "BOOL", [2], b"\1\1"),
            Tolerance(1, 1),
            "outputs.B[1] is True, expected False",
        ),
        (
            texts("a", "good"),
            texts("a", "goof"),
            Tolerance(9, 9),
            "outputs.T[1] is 'goof', expected 'good'",
        ),
        (texts("a"), texts("ab"), None, "outputs.T[0] is 'ab', expected 'a'"),
        (texts(b"\xff"), texts(b"\xfe"), None, r"outputs.T[0] is '\\xfe', expected '\\xff'"),
        (
            numbers("FP32", 1),
            numbers("FP64", 1),
            None,
            "outputs.Y has datatype FP64, expected FP32",
        ),
        (
            numbers("FP32", 1, 2),
            numbers("FP32", 1, 2, batch=True),
            None,
            "outputs.Y has shape [2, 1], expected [1, 2]",
        ),
        (
            AnswerTensor("Y", "FP32", [1], bytes(4)),
            AnswerTensor("Y", "FP32", [1], bytes(8)),
            None,
            "outputs.Y has 8 bytes, expected 4",
        ),
        (
            AnswerTensor("T", "BYTES", [1], bytes(4)),
            AnswerTensor("T", "BYTES", [1], bytes(8)),
            None,
            "outputs.T has more elements than the expected 1",
        ),
        (
            AnswerTensor("T", "BYTES", [1], bytes(8)),
            AnswerTensor("T", "BYTES", [1], bytes(4)),
            None,
            "outputs.T has 1 elements, expected more",
        ),
    ],
)
def test_what_differs_is_named(one, other, tolerance, said):
    """One sentence says where, what came, and what was expected."""
    assert differ(one, other, tolerance) == said


def test_outputs_are_compared_by_name():
    """Their order is nobody's business; one that lacks or is too many is."""
    one, other = numbers("FP32", 1), texts("a")
    assert disagreement([one, other], [other, one], {}) == ""
    assert disagreement([one, other], [one], {}) == "outputs.T is missing"
    assert disagreement([one], [one, other], {}) == "outputs.T was not expected"
    assert disagreement([one], [one, one], {}) == "outputs.Y was not expected twice"
    assert disagreement([], [], {}) == ""


def test_each_output_has_its_own_tolerance():
    """Only the one that is listed may differ by so much."""
    one = [numbers("FP32", 1, name="A"), numbers("FP32", 1, name="B")]
    other = [numbers("FP32", 1.2, name="A"), numbers("FP32", 1.2, name="B")]
    said = disagreement(one, other, {"A": Tolerance(0.5, 0)})
    assert said.startswith("outputs.B[0] is 1.2, expected 1.0")


def test_a_long_tensor_is_compared_to_its_end():
    """The place is counted over all blocks."""
    one = np.arange(MANY, dtype=np.float32)
    other = one.copy()
    other[-1] = 0
    tensors = [AnswerTensor("Y", "FP32", [MANY], array.tobytes()) for array in (one, other)]
    assert differ(*tensors).startswith(f"outputs.Y[{MANY - 1}] is 0.0, expected 131076.0")
    assert differ(tensors[0], tensors[0]) == ""


def test_a_sentence_has_an_end():
    """However long names, texts and shapes are, a log line holds what is said."""
    long = "x" * 5000
    for one, other in (
        (texts(long + "a" + long), texts(long + "b" + long)),
        (texts(long, name=long), texts("", name=long)),
        (texts(name=long), texts("", name=long)),
        (AnswerTensor("Y", long, [1], b""), AnswerTensor("Y", "FP32", [1], b"")),
        (AnswerTensor("Y", "FP32", [10**9] * 16, b""), AnswerTensor("Y", "FP32", [1], b"")),
    ):
        assert 0 < len(differ(one, other)) < 400
    far = differ(texts(long + "a"), texts(long + "b"))
    assert far == f"outputs.T[0] is ...{'x' * 16 + 'b'!r}, expected ...{'x' * 16 + 'a'!r}"


FLOATS = st.floats(width=32) | st.sampled_from([0.0, 1.0, 1.001, 1.0011, math.inf, math.nan])


def agree(wanted: float, given: float, tolerance: Tolerance) -> bool:
    """The rule, as a sentence says it."""
    if math.isnan(wanted) or math.isnan(given):
        return math.isnan(wanted) and math.isnan(given)
    if math.isinf(wanted) or math.isinf(given):
        return wanted == given
    return abs(given - wanted) <= tolerance.absolute + tolerance.relative * abs(wanted)


@given(
    st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=5),
    st.sampled_from([DEFAULT_TOLERANCE, EXACT, Tolerance(0.5, 0), Tolerance(0, 2)]),
    st.sampled_from([0, MORE]),
)
@example([(math.inf, 1.0)], Tolerance(0, 2), MORE)
def test_floats_agree_exactly_when_the_rule_holds(pairs, tolerance, more):
    """Held against the rule element by element, few of them and many."""
    pairs = [*pairs, *([(1.0, 1.0)] * more)]
    one, other = (numbers("FP32", *values) for values in zip(*pairs, strict=True))
    said = differ(one, other, tolerance)
    first = next((n for n, pair in enumerate(pairs) if not agree(*pair, tolerance)), None)
    assert said.startswith(f"outputs.Y[{first}] is ") if first is not None else said == ""


@pytest.mark.parametrize("more", [0, MORE])
@given(data=st.data(), datatype=st.sampled_from(sorted(INTEGER_RANGES.keys() - {"BOOL"})))
def test_whole_numbers_agree_exactly_when_the_rule_holds(data: Any, datatype: str, more: int):
    """No difference is too large to be told, up to the ends of 64 bits."""
    low, high = INTEGER_RANGES[datatype]
    value = st.integers(low, high) | st.sampled_from([low, high, 0])
    wanted, got = data.draw(value), data.draw(value)
    most = data.draw(st.integers(0, 2**53 - 1))
    rest = [1] * more
    one, other = numbers(datatype, wanted, *rest), numbers(datatype, got, *rest)
    said = differ(one, other, Tolerance(most, 0))
    assert (said == "") == (abs(wanted - got) <= most)
