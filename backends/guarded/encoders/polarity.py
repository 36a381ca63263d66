"""How every sentiment model of this repository words its answer."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from backends.guarded.api import Tensors
from backends.guarded.text import label_column, score_column

# A tie is called positive, so that the label is a function of the score alone.
DECISION_POINT = 0.5


def polarity_answer(positive: Sequence[float] | npt.NDArray[Any]) -> Tensors:
    """LABEL and SCORE from the probability that each text is positive, which is the SCORE."""
    labels = ["positive" if score >= DECISION_POINT else "negative" for score in positive]
    return {"LABEL": label_column(labels), "SCORE": score_column(positive)}
