"""Golden requests in other sizes."""

import pytest

from control.core.contract import Contract, check_request, derive_contract
from control.core.elements import as_array, pack_bytes, unpack_bytes
from control.core.tensors import InferRequest, Tensor
from control.profiling.scaling import batch_sizes, scaled, scaled_requests


def contract(max_batch_size: int, **inputs: tuple[str, list[int]]) -> Contract:
    """A model that takes these inputs."""
    listed = [
        {"name": name, "data_type": f"TYPE_{kind}", "dims": dims}
        for name, (kind, dims) in inputs.items()
    ]
    return derive_contract({"name": "m", "max_batch_size": max_batch_size, "input": listed})


def texts(shape: list[int], *values: str) -> Tensor:
    """A BYTES tensor."""
    return Tensor("TEXT", "BYTES", shape, pack_bytes([one.encode() for one in values]))


def values_of(tensor: Tensor) -> list[str]:
    """The texts in it."""
    return [bytes(one).decode() for one in unpack_bytes(tensor.data)]


def test_batches_double_up_to_the_largest() -> None:
    """Which is measured too; 64 rows are enough to see how it goes on."""
    assert batch_sizes(contract(0)) == [1]
    assert batch_sizes(contract(12)) == [1, 2, 4, 8, 12]
    assert batch_sizes(contract(12), 4) == [1, 2, 4]
    assert batch_sizes(contract(1000))[-1] == 64


@pytest.mark.parametrize("length", [0.25, 1.0, 4.0])
def test_texts_are_repeated_or_cut(length: float) -> None:
    """They stay text, and their words stay words."""
    golden = InferRequest([texts([1, 1], "déjà vu is a thing")])
    (tensor,) = scaled(golden, contract(4, TEXT=("STRING", [1])), rows=3, length=length).inputs
    assert tensor.shape == [3, 1]
    first, *others = values_of(tensor)
    assert others == [first, first]
    assert abs(len(first.encode()) - 20 * length) <= 1
    assert "déjà vu is a thing".startswith(first[:18])


def test_numbers_are_tiled_along_a_dimension_of_any_size() -> None:
    """Rows repeat whole."""
    data = as_bytes([1, 2, 3, 4, 5, 6])
    golden = InferRequest([Tensor("X", "INT32", [2, 3], data)])
    wider = scaled(golden, contract(8, X=("INT32", [-1])), rows=3, length=2.0).inputs[0]
    assert wider.shape == [3, 6]
    rows = as_array(wider.data, "INT32").reshape(3, 6).tolist()
    assert rows == [[1, 2, 3, 1, 2, 3], [4, 5, 6, 4, 5, 6], [1, 2, 3, 1, 2, 3]]


def test_numbers_beside_texts_keep_their_width() -> None:
    """Only one thing grows at a time: the text."""
    golden = InferRequest([texts([1, 1], "abcd"), Tensor("K", "INT32", [1, 1], as_bytes([5]))])
    both = contract(4, TEXT=("STRING", [1]), K=("INT32", [-1]))
    text, number = scaled(golden, both, rows=2, length=4.0).inputs
    assert values_of(text) == ["abcd abcd abcd a"] * 2
    assert (number.shape, as_array(number.data, "INT32").tolist()) == ([2, 1], [5, 5])


def test_what_cannot_grow_is_sent_in_batches_only() -> None:
    """And without batches, once."""
    golden = InferRequest([Tensor("X", "INT32", [1, 2], as_bytes([1, 2]))])
    fixed = contract(4, X=("INT32", [2]))
    assert [one.inputs[0].shape for one in scaled_requests(golden, fixed)] == [
        [1, 2],
        [2, 2],
        [4, 2],
    ]
    single = InferRequest([Tensor("X", "INT32", [2], as_bytes([1, 2]))])
    assert len(list(scaled_requests(single, contract(0, X=("INT32", [2]))))) == 1


def test_the_smaller_come_before_the_larger() -> None:
    """What a process keeps of a large request would hide what a small one needs."""
    golden = InferRequest([texts([1, 1], "a text of words")])
    model = contract(8, TEXT=("STRING", [1]))
    requests = list(scaled_requests(golden, model))
    sizes = [len(one.inputs[0].data) for one in requests]
    assert (sizes[0], sizes[-1]) == (min(sizes), max(sizes))
    assert len(sizes) == 16
    assert not any(check_request(model, one) for one in requests)


def as_bytes(values: list[int]) -> bytes:
    """INT32 values."""
    return b"".join(one.to_bytes(4, "little") for one in values)
