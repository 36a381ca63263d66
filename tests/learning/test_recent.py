"""Windows of recent values."""

import numpy as np
import pytest

from control.learning.recent import LEAST_REQUESTS, WINDOWS, RecentValues

DECILES = tuple(float(place) for place in range(11))


def filled(requests: int, values: list[float]) -> RecentValues:
    """A window after some equal requests."""
    recent = RecentValues(DECILES)
    for _ in range(requests):
        recent.add_each(values)
    return recent


def test_too_few_values_are_no_measure() -> None:
    """Neither a handful of values nor a handful of requests says anything."""
    assert filled(99, [0.5]).drift() is None
    assert filled(100, [0.5]).drift() is not None
    assert filled(LEAST_REQUESTS - 1, [0.5] * 50).drift() is None
    assert filled(LEAST_REQUESTS, [0.5] * 50).drift() is not None


def test_arrays_and_single_values_are_counted_alike() -> None:
    """Both ways of counting put a value into the same slot, edges and outside included."""
    values = [-1.0, 0.0, 0.5, 1.0, 9.5, 10.0, 11.0]
    arrays = RecentValues(DECILES)
    for _ in range(30):
        arrays.add_array(np.array(values))
    assert arrays.drift() == filled(30, values).drift()


def test_of_many_values_some_are_counted() -> None:
    """A large tensor has no more weight than it costs."""
    recent = RecentValues(DECILES)
    for _ in range(LEAST_REQUESTS):
        recent.add_array(np.full(100_000, 99.0))
    found = recent.drift()
    assert found is not None
    assert found.outside_ratio == 1.0
    assert sum(map(sum, recent._counts)) <= 128 * LEAST_REQUESTS


@pytest.mark.parametrize("turns", [WINDOWS, 1000])
def test_old_values_are_forgotten(turns: int) -> None:
    """After all sub-windows have passed there is no data, and so no measure."""
    recent = filled(200, [0.5])
    recent.rotate(WINDOWS - 1)
    assert recent.drift() is not None
    recent.rotate(1)
    assert recent.drift() is None
    recent = filled(200, [0.5])
    recent.rotate(turns)
    assert recent.drift() is None


def test_a_window_that_does_not_turn_keeps_its_values() -> None:
    """Turns that come more often than sub-windows lose nothing."""
    recent = filled(200, [0.5])
    recent.rotate(0)
    assert recent.drift() == filled(200, [0.5]).drift()
