"""Compares an answer with the one that the request got alone."""

from collections.abc import Sequence

from control.core.agreement import disagreement
from control.core.tensors import AnswerTensor
from control.verification.trial import Trial


def difference(
    trial: Trial, alone: Sequence[AnswerTensor], got: Sequence[AnswerTensor]
) -> str | None:
    """Say where the answers differ, by more than the contract's comparisons allow."""
    return disagreement(alone, got, trial.copy.job.comparisons) or None
