"""Joins requests to one, and cuts its answer apart again. Pure."""

from collections.abc import Hashable, Sequence

from control.core.datatypes import BYTES
from control.core.elements import pack_bytes, unpack_bytes
from control.core.tensors import AnswerTensor, InferRequest, Tensor, element_count


def kind_of(request: InferRequest, answer: Sequence[AnswerTensor]) -> Hashable:
    """Give what must be equal for requests to be joined: all but the rows, in and out."""
    inputs = [(one.name, one.datatype, tuple(one.shape[1:])) for one in request.inputs]
    outputs = [(one.name, one.datatype, tuple(one.shape[1:])) for one in answer]
    parameters = sorted((name, repr(value)) for name, value in request.parameters.items())
    return tuple(inputs), tuple(outputs), tuple(parameters)


def rows_of(request: InferRequest) -> int:
    """Give the rows of a request to a model that takes batches."""
    return request.inputs[0].shape[0]


def join(requests: Sequence[InferRequest]) -> InferRequest:
    """Lay the rows of requests of one kind end to end."""
    rows = sum(map(rows_of, requests))
    inputs = []
    for place, tensor in enumerate(requests[0].inputs):
        data = b"".join(bytes(one.inputs[place].data) for one in requests)
        inputs.append(Tensor(tensor.name, tensor.datatype, [rows, *tensor.shape[1:]], data))
    return InferRequest(inputs, parameters=requests[0].parameters)


def cut(answer: Sequence[AnswerTensor], rows: Sequence[int]) -> list[list[AnswerTensor]]:
    """Cut a batch's answer into pieces of so many rows."""
    pieces: list[list[AnswerTensor]] = [[] for _ in rows]
    for tensor in answer:
        for piece, part in zip(pieces, _cut_one(tensor, rows), strict=True):
            piece.append(part)
    return pieces


def _cut_one(tensor: AnswerTensor, rows: Sequence[int]) -> list[AnswerTensor]:
    width = element_count(tensor.shape[1:])
    texts = unpack_bytes(tensor.data) if tensor.datatype == BYTES else []
    row_bytes = len(tensor.data) // max(1, tensor.shape[0])
    parts, start = [], 0
    for count in rows:
        end = start + count
        if tensor.datatype == BYTES:
            data = pack_bytes([bytes(one) for one in texts[start * width : end * width]])
        else:
            data = bytes(tensor.data[start * row_bytes : end * row_bytes])
        parts.append(AnswerTensor(tensor.name, tensor.datatype, [count, *tensor.shape[1:]], data))
        start = end
    return parts
