"""Parameters of requests, and the classes of outputs."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import derive_contract
from control.core.elements import unpack_bytes
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput
from control.errors import ControlError, MalformedRequest
from control.gateway.codec.classification import classified_here, put_classes, without_classes
from control.gateway.codec.parameters import checked_parameters, take_flag
from control.gateway.codec.triton_form import Answer


@pytest.mark.parametrize(
    "parameters",
    [
        {"triton_x": 1},
        {"sequence_start": 1},
        {"sequence_end": "true"},
        {"priority": -1},
        {"priority": True},
        {"priority": 2**64},
        {"timeout": "1"},
        {"sequence_id": -1},
        {"sequence_id": 1.5},
        {"sequence_id": True},
        {"x": math.nan},
        {"x": math.inf},
        {"x": 10**400},
    ],
)
def test_a_parameter_that_triton_would_choke_on_is_refused(parameters: dict[str, Any]) -> None:
    """A mistyped parameter is the client's fault, and is told by its name."""
    (name,) = parameters
    with pytest.raises(MalformedRequest, match=name):
        checked_parameters(parameters)


def test_good_parameters_pass_unchanged() -> None:
    """Everything else is the model's own business."""
    good: dict[str, Any] = {
        "sequence_start": True,
        "sequence_id": "s",
        "priority": 3,
        "timeout": 2**64 - 1,
        "text": "x",
        "number": -(2**63),
        "share": 0.5,
    }
    assert checked_parameters(dict(good)) == good
    assert checked_parameters({"sequence_id": 7}) == {"sequence_id": 7}
    assert checked_parameters({"x": 2**70}) == {"x": float(2**70)}


@given(
    st.dictionaries(
        st.sampled_from(["sequence_id", "priority", "x", "triton_y", "sequence_start"]),
        st.integers() | st.floats() | st.text(max_size=3) | st.booleans(),
    )
)
def test_what_passes_can_be_sent(parameters: dict[str, Any]) -> None:
    """No parameter that passes is one that Triton's form cannot carry."""
    try:
        passed = checked_parameters(parameters)
    except ControlError:
        return
    for value in passed.values():
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, int) or -(2**63) <= value < 2**64


def test_a_flag_is_a_truth_value_or_absent() -> None:
    """Nothing is guessed from numbers or words."""
    parameters: dict[str, Any] = {"a": True, "b": False}
    assert take_flag(parameters, "a", "p")
    assert not take_flag(parameters, "b", "p")
    assert not take_flag(parameters, "c", "p")
    assert parameters == {}
    with pytest.raises(MalformedRequest, match=r"p\.d"):
        take_flag({"d": 1}, "d", "p")


def contract(batch: int, datatype: str = "FP32", label: str = "") -> Any:
    """A contract with the output O."""
    output = {"name": "O", "data_type": f"TYPE_{datatype}", "dims": [3], "label_filename": label}
    return derive_contract({"name": "m", "max_batch_size": batch, "output": [output]})


def answer(tensor: AnswerTensor) -> Answer:
    """An answer with one output."""
    return Answer("m", "1", "", None, [tensor], b"", b"")


def classes(batch: int, datatype: str, shape: list[int], data: bytes, count: int) -> Any:
    """Shape and labels after classification."""
    one = answer(AnswerTensor("O", datatype, shape, data))
    put_classes(contract(batch, datatype), one, {"O": count})
    assert not one.as_triton_wrote_it
    (tensor,) = one.tensors
    return tensor.shape, [bytes(label).decode() for label in unpack_bytes(tensor.data)]


def test_the_largest_come_first_row_by_row() -> None:
    """Each row of a batch is sorted by itself; equal values keep their order."""
    data = struct.pack("<6f", 1.0, 3.0, 2.0, 5.0, 5.0, -1.0)
    assert classes(4, "FP32", [2, 3], data, 2) == (
        [2, 2],
        ["3.000000:1", "2.000000:2", "5.000000:0", "5.000000:1"],
    )


def test_whole_numbers_are_written_as_such_at_their_bounds() -> None:
    """The least and the greatest number of a type are sorted right, without wrapping."""
    data = struct.pack("<3b", -128, 127, 0)
    assert classes(0, "INT8", [3], data, 9) == ([3], ["127:1", "0:2", "-128:0"])
    data = struct.pack("<3Q", 2**64 - 1, 0, 1)
    assert classes(0, "UINT64", [3], data, 1) == ([1], [f"{2**64 - 1}:0"])


@pytest.mark.parametrize(("shape", "count"), [([0], 1), ([70_000], 70_000)])
def test_nothing_and_far_too_much_cannot_be_classified(shape: list[int], count: int) -> None:
    """An empty output has no largest value, and a list of labels has an end."""
    with pytest.raises(MalformedRequest):
        classes(0, "FP32", shape, bytes(4 * shape[0]), count)


def test_only_outputs_with_tritons_own_labels_are_classified_there() -> None:
    """Triton is asked for plain values wherever the labels are ours to make."""
    asked = InferRequest([], [RequestedOutput("O", binary=True, classification=2)])
    here = classified_here(contract(0), asked)
    assert here == {"O": 2}
    assert without_classes(asked, here).outputs == [RequestedOutput("O", binary=True)]
    assert classified_here(contract(0, label="labels.txt"), asked) == {}
    assert without_classes(asked, {}) is asked
