"""The top classes of an output, for clients that ask for them instead of its values.

Triton divides by the size of what it classifies and dies of an empty output, so it is asked only
for outputs whose class labels it alone has.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from control.core.contract import Contract
from control.core.elements import as_array, pack_bytes
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput
from control.errors import MalformedRequest
from control.gateway.codec.triton_form import Answer

#: More labels than any list of classes has; each is a string of its own.
_MAX_LABELS: Final = 65_536


def classified_here(contract: Contract, request: InferRequest) -> dict[str, int]:
    """Give the outputs whose classes are computed here, with the number of classes wanted."""
    return {
        output.name: output.classification
        for output in request.outputs
        if output.classification and not contract.outputs[output.name].labelled
    }


def without_classes(request: InferRequest, names: dict[str, int]) -> InferRequest:
    """Give the request as Triton gets it: it asks for the plain values of the named outputs."""
    if not names:
        return request
    outputs: list[RequestedOutput] = [
        replace(output, classification=0) if output.name in names else output
        for output in request.outputs
    ]
    return replace(request, outputs=outputs)


def put_classes(contract: Contract, answer: Answer, wanted: dict[str, int]) -> None:
    """Put labels (``value:index``, the largest first) in the place of the named outputs' values.

    Raises MalformedRequest where there is nothing to classify, or far too much.
    """
    batched = bool(contract.max_batch_size)
    answer.tensors = [
        _classes(tensor, wanted[tensor.name], batched=batched) if tensor.name in wanted else tensor
        for tensor in answer.tensors
    ]
    answer.as_triton_wrote_it = False


def _classes(tensor: AnswerTensor, count: int, *, batched: bool) -> AnswerTensor:
    values = as_array(tensor.data, tensor.datatype)
    rows = values.reshape(tensor.shape[0] if batched else 1, -1) if values.size else values
    count = min(count, rows.shape[-1])
    if not count or count * len(rows) > _MAX_LABELS:
        message = f"outputs.{tensor.name}: {values.size} values cannot be classified"
        raise MalformedRequest(message)
    labels = [label for row in rows for label in _labels(row, count)]
    shape = [len(rows), count] if batched else [count]
    return AnswerTensor(tensor.name, "BYTES", shape, pack_bytes(labels))


def _labels(row: npt.NDArray[Any], count: int) -> list[bytes]:
    is_float = row.dtype.kind == "f"
    order = np.argsort(-row if is_float else ~row, kind="stable")[:count]
    write = b"%f:%d" if is_float else b"%d:%d"
    return [write % (row[index], index) for index in order]
