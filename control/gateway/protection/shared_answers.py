"""Copies of answers: for several callers of one, and for keeping.

Later stages change an answer (its classes, its notes, its request id), but never a tensor's bytes.
"""

from typing import Final

from control.core.tensors import AnswerTensor
from control.gateway.codec.triton_form import Answer

#: What Python takes for an answer, and for each of its tensors, besides their bytes; measured.
_ANSWER_BYTES: Final = 256
_TENSOR_BYTES: Final = 384


def answer_for(request_id: str, answer: Answer) -> Answer:
    """Give a caller its own copy, under its own id; the tensors' bytes are shared."""
    tensors = [
        AnswerTensor(one.name, one.datatype, [*one.shape], one.data) for one in answer.tensors
    ]
    return Answer(
        answer.model,
        answer.version,
        request_id,
        dict(answer.parameters) if answer.parameters else answer.parameters,
        tensors,
        answer.json,
        answer.binary,
        answer.as_triton_wrote_it and request_id == answer.request_id,
    )


def owned(answer: Answer) -> Answer:
    """Copy an answer out of the buffer that it was read into."""
    kept = answer_for(answer.request_id, answer)
    kept.json = bytes(answer.json)
    kept.binary = b"".join([one.data for one in answer.tensors])
    view, position = memoryview(kept.binary), 0
    for tensor in kept.tensors:
        end = position + len(tensor.data)
        tensor.data = view[position:end]
        position = end
    return kept


def owned_bytes(answer: Answer) -> int:
    """Count what an owned copy takes."""
    data = sum([len(one.data) for one in answer.tensors])
    return len(answer.json) + data + _ANSWER_BYTES + _TENSOR_BYTES * len(answer.tensors)
