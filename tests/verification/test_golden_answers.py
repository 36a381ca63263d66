"""Answers are judged by what golden.json expects, and the first fault is told exactly."""

from typing import Any

import numpy as np
import pytest

from control.core.elements import pack_bytes
from control.core.tensors import AnswerTensor
from control.verification.golden_answers import answer_fault, values_fault

NUMBERS = AnswerTensor("Y", "FP32", [1, 2], np.array([1, 2], np.float32).tobytes())
TEXTS = AnswerTensor("T", "BYTES", [1, 1], pack_bytes([b"yes"]))


@pytest.mark.parametrize(
    ("values", "expectation", "fault"),
    [
        ([1, 2], {"equal": [1, 2]}, None),
        ([1, 3], {"equal": [1, 2]}, "[1] must be 2, got 3"),
        ([1], {"equal": [1, 2]}, " must have 2 elements, got 1"),
        ([b"yes"], {"equal": ["yes"]}, None),
        ([b"\xff"], {"equal": [{"base64": "/w=="}]}, None),
        ([b"no"], {"equal": ["yes"]}, "[0] must be 'yes', got 'no'"),
        ([0.5, 1.0], {"min": 0.5, "max": 1}, None),
        ([0.4], {"min": 0.5, "max": 1}, "[0] must be within 0.5..1, got 0.4"),
        ([float("nan")], {"min": 0, "max": 1}, "[0] must be within 0..1, got nan"),
        ([0.505], {"near": [0.5], "tolerance": 0.01}, None),
        ([0.52], {"near": [0.5], "tolerance": 0.01}, "[0] must be 0.5 within 0.01, got 0.52"),
        ([float("nan")], {"near": [0.5], "tolerance": 1}, "[0] must be 0.5 within 1, got nan"),
        ([1], {"about": 1}, " cannot be judged: unknown expectation ['about']"),
    ],
)
def test_values_are_as_expected(
    values: list[Any], expectation: dict[str, Any], fault: str | None
) -> None:
    """Equal, within a range, or near; ends included, not-a-number nowhere."""
    assert values_fault(values, expectation) == fault


@pytest.mark.parametrize(
    ("tensor", "expectation", "kinds"),
    [
        (NUMBERS, {"equal": 2}, "equal"),
        (NUMBERS, {"near": None, "tolerance": 1}, "near, tolerance"),
        (NUMBERS, {"near": [1, 2], "tolerance": "0.1"}, "near, tolerance"),
        (NUMBERS, {"near": [10**400, 2], "tolerance": 1}, "near, tolerance"),
        (TEXTS, {"min": 0, "max": 1}, "max, min"),
        (TEXTS, {"near": ["yes"], "tolerance": 1}, "near, tolerance"),
        (TEXTS, {"equal": [{"b64": "eWVz"}]}, "equal"),
        (TEXTS, {"equal": ["\ud800"]}, "equal"),
    ],
)
def test_what_cannot_be_compared_is_a_fault_of_the_request(
    tensor: AnswerTensor, expectation: dict[str, Any], kinds: str
) -> None:
    """And no failure of the verification, which would be made again and again."""
    fault = answer_fault([tensor], {tensor.name: expectation})
    assert fault is not None
    assert fault.startswith(f"{tensor.name} cannot be judged by {kinds}: ")


def test_an_answer_is_judged_output_by_output() -> None:
    """The fault names the output; one that is missing is a fault too."""
    assert answer_fault([NUMBERS, TEXTS], {"T": {"equal": ["yes"]}}) is None
    assert answer_fault([NUMBERS], {"Y": {"equal": [1, 3]}}) == "Y[1] must be 3, got 2"
    assert answer_fault([NUMBERS], {"Z": {"equal": [1]}}) == "Z must be there, got nothing"
