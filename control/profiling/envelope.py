"""The least memory prediction that covers every measurement. Pure.

A linear program of four unknowns: its best point is a corner, where four of the constraints hold
exactly. So few corners are all tried; no solver is needed.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from control.profiling.measurement import Measurement

#: Corners grow with the fourth power of the measurements; the largest needs of all are kept.
_MOST_POINTS: Final = 28
_TERMS: Final = 4
#: Of predictions that are as tight, one of fewer terms says more about other requests.
_PER_TERM: Final = 1e-4
_SLACK: Final = 1e-9
_LEAST_DETERMINANT: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Bytes of memory, by what needs them."""

    per_request: float
    per_row: float
    per_input_byte: float
    per_token: float

    def predict(self, one: Measurement) -> float:
        """Predict the need of a request as it was measured."""
        return (
            self.per_request
            + self.per_row * one.rows
            + self.per_input_byte * one.input_bytes
            + self.per_token * one.tokens
        )


def fit_envelope(measurements: Sequence[Measurement]) -> Coefficients:
    """Find coefficients from 0 whose predictions reach every measurement and exceed them least."""
    points = sorted(measurements, key=lambda one: -one.memory_bytes)[:_MOST_POINTS]
    needs = np.array([one.memory_bytes for one in points], float)
    if not needs.any():
        return Coefficients(0.0, 0.0, 0.0, 0.0)
    terms = np.array([(1, one.rows, one.input_bytes, one.tokens) for one in points], float)
    # Scaled to 1, bytes and rows count alike for what is nearly zero.
    widths, height = np.maximum(terms.max(axis=0), 1.0), needs.max()
    found = _best_corner(terms / widths, needs / height) * height / widths
    return _covering(Coefficients(*(float(one) for one in found)), measurements)


def _best_corner(
    terms: npt.NDArray[np.float64], needs: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Minimise the sum of predictions, each at least its need, over coefficients from 0."""
    rows = np.vstack([terms, np.eye(_TERMS)])
    sides = np.concatenate([needs, np.zeros(_TERMS)])
    chosen = np.array(list(itertools.combinations(range(len(rows)), _TERMS)))
    squares, right = rows[chosen], sides[chosen]
    regular = np.abs(np.linalg.det(squares)) > _LEAST_DETERMINANT
    corners = np.linalg.solve(squares[regular], right[regular][..., None])[..., 0]
    allowed = (corners >= -_SLACK).all(axis=1) & (corners @ terms.T >= needs - _SLACK).all(axis=1)
    corners = np.maximum(corners[allowed], 0.0)
    cost = (corners @ terms.T).sum(axis=1) / needs.sum() + _PER_TERM * (corners > _SLACK).sum(
        axis=1
    )
    best: npt.NDArray[np.float64] = corners[int(cost.argmin())]
    return best


def _covering(found: Coefficients, measurements: Sequence[Measurement]) -> Coefficients:
    """Lift by what rounding, or a point that was not among the largest, still lacks."""
    lacking = max(one.memory_bytes - found.predict(one) for one in measurements)
    if lacking <= 0:
        return found
    lifted = found.per_request + lacking
    return Coefficients(lifted, found.per_row, found.per_input_byte, found.per_token)
