import numpy as np
import pytest

from backends.guarded import InputError
from backends.guarded.text import decode_text, label_column, score_column


def test_text_is_decoded_row_by_row() -> None:
    """BYTES become strings, in order."""
    column = np.array([[b"a"], ["ü".encode()]], dtype=object)
    assert decode_text(column, "TEXT") == ["a", "ü"]


def test_every_undecodable_row_is_named() -> None:
    """Each bad row has its own reason and byte position."""
    column = np.array([[b"ok"], [b"\xff"], [b"ab\xc3"]], dtype=object)
    with pytest.raises(InputError) as caught:
        decode_text(column, "TEXT")
    assert caught.value.rows == {
        1: "TEXT is not valid UTF-8: invalid start byte at byte 0",
        2: "TEXT is not valid UTF-8: unexpected end of data at byte 2",
    }


def test_a_row_of_several_texts_is_named_once() -> None:
    """Texts come row after row; the first bad one of a row is its reason."""
    table = np.array([[b"a", b"b"], [b"\xff", b"ab\xc3"]], dtype=object)
    assert decode_text(table[:1], "TEXTS") == ["a", "b"]
    with pytest.raises(InputError) as caught:
        decode_text(table, "TEXTS")
    assert caught.value.rows == {1: "TEXTS is not valid UTF-8: invalid start byte at byte 0"}


def test_columns_have_tritons_form() -> None:
    """Labels are [rows, 1] bytes objects, scores [rows, 1] FP32."""
    labels, scores = label_column(["a", "b"]), score_column([0.5, 1])
    assert (labels.shape, labels.dtype, labels[0, 0]) == ((2, 1), np.dtype(object), b"a")
    assert (scores.shape, scores.dtype) == ((2, 1), np.dtype("float32"))
