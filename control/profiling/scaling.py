"""Golden requests made larger and smaller: other batches, longer texts, wider tensors. Pure."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from control.core.contract import ANY_SIZE, Contract, TensorSpec
from control.core.datatypes import BYTES, ELEMENT_BYTES
from control.core.elements import pack_bytes, unpack_bytes
from control.core.tensors import InferRequest, Tensor, element_count

#: How much longer or shorter than the golden request.
LENGTHS: Final = (0.25, 1.0, 4.0, 16.0)
_MOST_ROWS: Final = 64


def batch_sizes(contract: Contract, most: int | None = None) -> list[int]:
    """Give the powers of two up to the largest batch, and that itself."""
    largest = min(contract.max_batch_size or 1, most or _MOST_ROWS, _MOST_ROWS)
    return sorted({2**power for power in range(largest.bit_length())} | {largest})


def scaled_requests(
    golden: InferRequest, contract: Contract, most_rows: int | None = None
) -> Iterator[InferRequest]:
    """Give the request in all sizes, the smaller before the larger."""
    lengths = LENGTHS if _can_grow(golden, contract) else (1.0,)
    sizes = [(rows, length) for rows in batch_sizes(contract, most_rows) for length in lengths]
    for rows, length in sorted(sizes, key=lambda size: size[0] * size[1]):
        yield scaled(golden, contract, rows=rows, length=length)


def scaled(golden: InferRequest, contract: Contract, *, rows: int, length: float) -> InferRequest:
    """Give the request with so many rows, its texts (without any, its tensors) so much longer."""
    texts = any(tensor.datatype == BYTES for tensor in golden.inputs)
    inputs = []
    for tensor in golden.inputs:
        spec = contract.inputs[tensor.name]
        if tensor.datatype == BYTES:
            tensor = _longer_texts(tensor, length)  # noqa: PLW2901 - the same tensor, longer
        elif not texts and _variable_axis(spec) is not None:
            tensor = _wider(tensor, spec, length, batched=bool(contract.max_batch_size))  # noqa: PLW2901
        inputs.append(_with_rows(tensor, rows) if contract.max_batch_size else tensor)
    return InferRequest(inputs, parameters=golden.parameters)


def _can_grow(golden: InferRequest, contract: Contract) -> bool:
    return any(
        tensor.datatype == BYTES or _variable_axis(contract.inputs[tensor.name]) is not None
        for tensor in golden.inputs
    )


def _variable_axis(spec: TensorSpec) -> int | None:
    """Give the last axis of any size, without the batch's."""
    axes = [axis for axis, dim in enumerate(spec.dims) if dim == ANY_SIZE]
    return axes[-1] if axes else None


def _longer_texts(tensor: Tensor, length: float) -> Tensor:
    texts = [_longer(bytes(one), length) for one in unpack_bytes(tensor.data)]
    return Tensor(tensor.name, tensor.datatype, list(tensor.shape), pack_bytes(texts))


def _longer(text: bytes, length: float) -> bytes:
    if length == 1.0 or not text:
        return text
    wanted = max(1, round(len(text) * length))
    cut = b" ".join([text] * (wanted // len(text) + 1))[:wanted]
    try:
        text.decode()
    except UnicodeDecodeError:
        return cut
    return cut.decode(errors="ignore").encode()  # no half characters


def _wider(tensor: Tensor, spec: TensorSpec, length: float, *, batched: bool) -> Tensor:
    axis = (_variable_axis(spec) or 0) + int(batched)
    wanted = max(1, round(tensor.shape[axis] * length))
    size = ELEMENT_BYTES[tensor.datatype]
    values = np.frombuffer(tensor.data, f"V{size}").reshape(tensor.shape)
    values = values.take(np.arange(wanted) % tensor.shape[axis], axis)
    return Tensor(tensor.name, tensor.datatype, list(values.shape), values.tobytes())


def _with_rows(tensor: Tensor, rows: int) -> Tensor:
    present, shape = tensor.shape[0], [rows, *tensor.shape[1:]]
    if tensor.datatype == BYTES:
        texts = [bytes(one) for one in unpack_bytes(tensor.data)]
        width = element_count(tensor.shape[1:])
        chosen = [texts[row % present * width + at] for row in range(rows) for at in range(width)]
        return Tensor(tensor.name, tensor.datatype, shape, pack_bytes(chosen))
    width = len(tensor.data) // present
    data = bytes(tensor.data)
    parts = [data[row % present * width : (row % present + 1) * width] for row in range(rows)]
    return Tensor(tensor.name, tensor.datatype, shape, b"".join(parts))
