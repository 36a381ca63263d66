"""What is known of durations."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.duration_window import DurationWindow, SamplePace


def window_of(durations: list[float]) -> DurationWindow:
    """A window that has seen these."""
    window = DurationWindow()
    for duration_s in durations:
        window.add(duration_s)
    return window


@given(st.lists(st.floats(20e-6, 5000.0), min_size=20, max_size=700))
def test_the_percentile_is_that_of_the_last_calls(durations: list[float]) -> None:
    """It is the shortest duration that at most a tenth of the last 256 exceed, or 3 % more."""
    last = sorted(durations[-256:])
    exact = last[len(last) - 1 - len(last) // 10]
    p90_s = window_of(durations).p90_s
    assert p90_s is not None
    assert exact * (1 - 1e-9) <= p90_s <= exact * 1.03 * (1 + 1e-9)


@pytest.mark.parametrize(("duration_s", "p90_s"), [(0.0, 10.3e-6), (1e9, 10e-6 * 1.03**700)])
def test_any_duration_can_be_counted(duration_s: float, p90_s: float) -> None:
    """None is too short or too long."""
    assert window_of([duration_s] * 30).p90_s == pytest.approx(p90_s)


def test_a_few_calls_have_no_percentile() -> None:
    """Of nineteen calls nobody knows the slowest tenth."""
    assert window_of([1.0] * 19).p90_s is None
    assert window_of([1.0] * 20).p90_s is not None


def test_the_first_calls_are_no_samples() -> None:
    """A version's first five successes find its caches cold."""
    pace = SamplePace()
    assert [pace.takes(now_s) for now_s in range(7)] == [False] * 5 + [True] * 2


@pytest.mark.parametrize("rate", [1, 5, 50, 1000])
def test_about_five_samples_a_second_are_taken(rate: int) -> None:
    """However many calls end, a handful is taken in a second, once the rate is known."""
    pace = SamplePace()
    taken = [math.floor(n / rate) for n in range(20 * rate) if pace.takes(n / rate)]
    a_second = [taken.count(second) for second in range(10, 20)]
    assert min(rate, 4) <= min(a_second) <= max(a_second) <= 5


@pytest.mark.parametrize(("before", "after"), [(5000, 50), (1000, 5), (300, 2)])
def test_a_version_that_has_become_slow_is_soon_clocked(before: int, after: int) -> None:
    """Callers that wait for their answers call a slow version less: that is when it counts."""
    pace = SamplePace()
    for n in range(5 * before):
        pace.takes(n / before)
    taken_s = [n / after for n in range(1, 40 * after) if pace.takes(5.0 + n / after)]
    assert taken_s[0] < 8.0
    assert len(taken_s) > 30 * min(after, 4)


def test_the_first_calls_are_no_samples_however_slow() -> None:
    """Not even where the first is late, and the second comes seconds after."""
    pace = SamplePace()
    assert [pace.takes(now_s) for now_s in (100.0, 140.0, 141.0, 141.1, 150.0)] == [False] * 5
    assert pace.takes(150.0)


def test_a_crowd_after_a_pause_is_thinned() -> None:
    """Calls that were all held up by one thing are few samples, however long it was."""
    pace = SamplePace()
    for n in range(5000):
        pace.takes(n / 500)
    assert sum(pace.takes(12.0) for _ in range(1000)) <= 25
