"""Requests that are joined and cut again are what they were."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from control.core.elements import pack_bytes
from control.core.tensors import AnswerTensor, InferRequest, Tensor
from control.verification.batches import cut, join, kind_of, rows_of

texts = st.lists(st.lists(st.binary(max_size=8), min_size=2, max_size=2), min_size=1, max_size=4)


def request(rows: list[list[bytes]]) -> InferRequest:
    """A request of texts and numbers, two of each in a row."""
    count = len(rows)
    numbers = np.arange(2 * count, dtype=np.float32).tobytes()
    flat = pack_bytes([one for row in rows for one in row])
    return InferRequest(
        [Tensor("T", "BYTES", [count, 2], flat), Tensor("X", "FP32", [count, 2], numbers)]
    )


@given(st.lists(texts, min_size=1, max_size=4))
def test_what_is_joined_is_cut_apart_again(groups: list[list[list[bytes]]]) -> None:
    """For a model that gives back what it gets."""
    requests = [request(rows) for rows in groups]
    joined = join(requests)
    answer = [AnswerTensor(one.name, one.datatype, one.shape, one.data) for one in joined.inputs]
    pieces = cut(answer, [rows_of(one) for one in requests])
    for one, piece in zip(requests, pieces, strict=True):
        assert [(t.name, t.shape, bytes(t.data)) for t in piece] == [
            (t.name, t.shape, bytes(t.data)) for t in one.inputs
        ]


def test_only_requests_of_one_kind_are_joined() -> None:
    """Other widths, in or out, or other parameters are another kind."""
    one = request([[b"a", b"b"]])
    narrow = AnswerTensor("Y", "FP32", [1, 1], b"\0" * 4)
    wide = AnswerTensor("Y", "FP32", [1, 2], b"\0" * 8)
    other = InferRequest(one.inputs, parameters={"k": 1})
    true = InferRequest(one.inputs, parameters={"k": True})
    assert kind_of(one, [narrow]) == kind_of(request([[b"c", b""], [b"", b""]]), [narrow])
    kinds = {kind_of(one, [narrow]), kind_of(one, [wide]), kind_of(other, []), kind_of(true, [])}
    assert len(kinds) == 4
