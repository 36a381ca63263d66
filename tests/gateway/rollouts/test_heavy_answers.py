"""Which copies' answers are compared on a thread."""

import pytest

from control.core.tensors import AnswerTensor
from control.gateway.rollouts.shadows import is_heavy


def output(datatype: str, size: int) -> AnswerTensor:
    """An output of so many bytes."""
    return AnswerTensor("Y", datatype, [1], bytes(size))


@pytest.mark.parametrize(
    ("answer", "heavy"),
    [
        ([], False),
        ([output("FP32", 65_536)], False),
        ([output("FP32", 32_768), output("INT8", 32_769)], True),
        ([output("BYTES", 4096)], False),
        ([output("BYTES", 2048), output("BYTES", 2049)], True),
        ([output("BYTES", 4096), output("FP32", 4096)], False),
    ],
)
def test_texts_are_heavier_than_numbers(answer: list[AnswerTensor], heavy: bool) -> None:
    """Many short ones are looked at one by one, where numpy takes all numbers at once."""
    assert is_heavy(answer) == heavy
