import numpy as np
import pytest

from backends.guarded.signature import AnswerError, parse_signature

CONFIG = {
    "max_batch_size": 8,
    "output": [
        {"name": "LABEL", "data_type": "TYPE_STRING", "dims": ["1"]},
        {"name": "VECTOR", "data_type": "TYPE_FP32", "dims": ["-1"]},
    ],
}


def answer(**changes: object) -> dict[str, np.ndarray]:
    good = {"LABEL": np.array([[b"a"], [b"b"]], dtype=object), "VECTOR": np.zeros((2, 3), "f4")}
    return good | changes  # type: ignore[operator]


def test_a_promised_answer_passes() -> None:
    """Right names, dtypes and shapes are accepted; -1 fits any size."""
    parse_signature(CONFIG).check(answer(), 2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"VECTOR": np.zeros((2, 3))}, "VECTOR is float64, config says float32"),
        ({"VECTOR": np.zeros((3, 3), "f4")}, r"shape \[3, 3\], config says \[2, -1\]"),
        ({"VECTOR": np.zeros((2, 3, 1), "f4")}, r"shape \[2, 3, 1\]"),
        ({"VECTOR": [1.0]}, "VECTOR is list"),
        ({"LABEL": np.array([["a"], ["b"]])}, "LABEL is str"),
        ({"MORE": np.zeros(2)}, "outputs are"),
    ],
)
def test_a_broken_promise_is_named(wrong: dict[str, object], said: str) -> None:
    """The message says which output, what came and what the config says."""
    with pytest.raises(AnswerError, match=said):
        parse_signature(CONFIG).check(answer(**wrong), 2)


def test_a_missing_output_is_named() -> None:
    """Triton would answer 200 without it."""
    partial = answer()
    del partial["LABEL"]
    with pytest.raises(AnswerError, match=r"config promises \['LABEL', 'VECTOR'\]"):
        parse_signature(CONFIG).check(partial, 2)


def test_no_answer_at_all_is_named() -> None:
    """`return None` would hang the request in Triton."""
    with pytest.raises(AnswerError, match="NoneType"):
        parse_signature(CONFIG).check(None, 2)  # type: ignore[arg-type]
