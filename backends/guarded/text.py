"""Text tensors: BYTES decoded as UTF-8, and strings put back into a column."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from backends.guarded.api import InputError


def decode_text(tensor: npt.NDArray[Any], name: str) -> list[str]:
    """Decode a BYTES tensor, row after row; one InputError names every row that is not UTF-8."""
    texts: list[str] = []
    faults: dict[int, str] = {}
    width = max(1, tensor.size // max(1, len(tensor)))
    for place, raw in enumerate(tensor.reshape(-1).tolist()):
        try:
            texts.append(raw if isinstance(raw, str) else raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            reason = f"{name} is not valid UTF-8: {error.reason} at byte {error.start}"
            faults.setdefault(place // width, reason)
    if faults:
        raise InputError(f"{name} is not valid UTF-8", rows=faults)
    return texts


def label_column(labels: Sequence[str]) -> npt.NDArray[np.object_]:
    """Encode labels as a [rows, 1] BYTES tensor."""
    return np.array([label.encode() for label in labels], dtype=np.object_).reshape(-1, 1)


def score_column(scores: Sequence[float] | npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Scores as a [rows, 1] FP32 tensor."""
    return np.asarray(scores, dtype=np.float32).reshape(-1, 1)
