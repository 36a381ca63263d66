"""Raw bodies: one tensor and no JSON."""

from typing import Any

import pytest

from control.core.contract import derive_contract
from control.errors import MalformedRequest
from control.gateway.codec.infer_request import decode_raw, deduce_shape


def contract_with(datatype: str, dims: list[int], batch: int = 0, inputs: int = 1) -> Any:
    """A contract with equal inputs."""
    return derive_contract(
        {
            "name": "m",
            "max_batch_size": batch,
            "input": [
                {"name": f"A{n}", "data_type": f"TYPE_{datatype}", "dims": dims}
                for n in range(inputs)
            ],
        }
    )


@pytest.mark.parametrize(
    ("dims", "batch", "count", "shape"),
    [
        ([3], 0, 3, [3]),
        ([-1], 0, 5, [5]),
        ([2, -1], 0, 6, [2, 3]),
        ([3], 8, 6, [2, 3]),
        ([-1], 8, 5, [1, 5]),
        ([-1], 0, 0, [0]),
        ([1], 0, 1, [1]),
        ([3], 0, 4, None),
        ([3], 0, 6, None),
        ([-1, -1], 0, 4, None),
        ([0], 0, 0, None),
        ([2, -1], 8, 5, None),
    ],
)
def test_a_shape_is_deduced_from_the_count_or_refused(
    dims: list[int], batch: int, count: int, shape: list[int] | None
) -> None:
    """The free dimension takes what is left, else the batch; two free ones are a guess."""
    contract = contract_with("FP32", dims, batch)
    if shape is None:
        with pytest.raises(MalformedRequest):
            deduce_shape(contract, tuple(dims), count, "p")
    else:
        assert deduce_shape(contract, tuple(dims), count, "p") == shape


def test_a_raw_body_is_one_tensor() -> None:
    """Without any JSON, the body is the input, and the answer is binary."""
    request = decode_raw(b"12345678", contract_with("FP32", [-1]))
    assert request.binary_default
    assert (request.inputs[0].name, request.inputs[0].shape) == ("A0", [2])
    text = decode_raw(b"abc", contract_with("STRING", [1], batch=4))
    assert (text.inputs[0].shape, text.inputs[0].data) == ([1, 1], b"\x03\0\0\0abc")


def test_a_raw_body_that_fits_nothing_is_refused() -> None:
    """Half an element, or a model with two inputs, cannot be meant."""
    with pytest.raises(MalformedRequest, match="whole FP32"):
        decode_raw(b"123", contract_with("FP32", [-1]))
    with pytest.raises(MalformedRequest, match="one input"):
        decode_raw(b"1234", contract_with("FP32", [-1], inputs=2))
