"""Predictions that reach every measurement and exceed them as little as can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.profiling.envelope import Coefficients, fit_envelope
from control.profiling.measurement import Measurement

MIB = 2**20


def measured(rows: int, input_bytes: int, tokens: int, memory_bytes: float) -> Measurement:
    """A measurement whose times do not matter."""
    return Measurement(rows, input_bytes, tokens, int(memory_bytes), 0.01, 0.02, 10)


SIZES = [
    (rows, rows * width, rows * width // 4) for rows in (1, 2, 4, 8) for width in (16, 64, 999)
]
amounts = st.tuples(
    st.integers(1, 64), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 2**34)
)


@given(st.lists(amounts, min_size=1, max_size=40))
def test_no_prediction_is_below_its_measurement(sizes: list[tuple[int, int, int, int]]) -> None:
    """Whatever was measured, and nothing counts negative."""
    points = [measured(*one) for one in sizes]
    found = fit_envelope(points)
    assert min(found.per_request, found.per_row, found.per_input_byte, found.per_token) >= 0
    for one in points:
        assert found.predict(one) >= one.memory_bytes * (1 - 1e-6) - 1


@pytest.mark.parametrize(
    "true",
    [
        Coefficients(5e6, 0, 0, 0),
        Coefficients(1e6, 3e5, 0, 0),
        Coefficients(0, 0, 16384, 0),
        Coefficients(2e6, 1e5, 0, 5e4),
    ],
)
def test_a_linear_need_is_found_exactly(true: Coefficients) -> None:
    """Where the need follows the size, nothing is predicted in vain."""
    points = [measured(*size, true.predict(measured(*size, 0))) for size in SIZES]
    found = fit_envelope(points)
    for one in points:
        assert found.predict(one) == pytest.approx(one.memory_bytes, rel=0.01, abs=2000)


def test_one_outlier_costs_little_elsewhere() -> None:
    """The envelope is the tightest of all, not the line through the worst."""
    points = [measured(rows, rows * 100, 0, rows * MIB) for rows in (1, 2, 4, 8)]
    found = fit_envelope([*points, measured(4, 400, 0, 5 * MIB)])
    excess = sum(found.predict(one) - one.memory_bytes for one in points)
    assert excess <= 4 * MIB


def test_no_need_is_no_prediction() -> None:
    """A model that allocates nothing is predicted nothing."""
    assert fit_envelope([measured(1, 1, 1, 0)]) == Coefficients(0, 0, 0, 0)
