"""Outputs of models, made of what they say."""

import numpy as np

from control.core.elements import NUMPY, pack_bytes
from control.core.tensors import AnswerTensor


def numbers(datatype: str, *values: float, name: str = "Y", batch: bool = False) -> AnswerTensor:
    """An output of numbers: one row, or a row each."""
    data = np.array(values, NUMPY[datatype]).tobytes()
    return AnswerTensor(name, datatype, [len(values), 1] if batch else [1, len(values)], data)


def texts(*elements: str | bytes, name: str = "T") -> AnswerTensor:
    """An output of texts, a row each."""
    raw = [one.encode() if isinstance(one, str) else one for one in elements]
    return AnswerTensor(name, "BYTES", [len(raw), 1], pack_bytes(raw))
