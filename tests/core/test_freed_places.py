"""How fast places become free, and how soon that is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.freed_places import FreedPlaces


def end_many(freed: FreedPlaces, now_s: float, *, each_s: float, ends: int, limit: int) -> float:
    """Let places become free, one after the other; give the time after that."""
    for _ in range(ends):
        now_s += each_s
        freed.ended(now_s, limit)
    return now_s


def test_without_a_history_nothing_is_known() -> None:
    """Ten ends say something, fewer do not."""
    freed = FreedPlaces()
    freed.begin(0.0, 4, 0.0)
    now_s = end_many(freed, 0.0, each_s=0.01, ends=9, limit=4)
    assert freed.rate(now_s) == 0.0
    now_s = end_many(freed, now_s, each_s=0.01, ends=1, limit=4)
    assert freed.rate(now_s) == pytest.approx(100.0)
    assert repr(freed) == "<FreedPlaces 10 in 0.100 s>"


def test_until_it_is_measured_the_round_trips_tell() -> None:
    """Little's law at once; within two rounds what is measured counts for more."""
    freed = FreedPlaces()
    freed.begin(0.0, 20, 0.02)
    assert freed.rate(0.0) == pytest.approx(1000.0)
    now_s = end_many(freed, 0.0, each_s=0.01, ends=40, limit=20)
    assert freed.rate(now_s) == pytest.approx(60 / 0.42)


def test_idle_time_does_not_count() -> None:
    """What ends while there are free places says nothing."""
    freed = FreedPlaces()
    now_s = 0.0
    for _ in range(100):
        freed.begin(now_s, 1, 0.01)
        now_s = end_many(freed, now_s, each_s=0.01, ends=1, limit=1)
        freed.stop(now_s)
        freed.stop(now_s + 0.5)
        now_s += 0.9
    assert freed.rate(now_s) == pytest.approx(100.0)


def test_a_standstill_shows_at_once() -> None:
    """The rate falls while nothing ends, not only with the next end."""
    freed = FreedPlaces()
    freed.begin(0.0, 4, 0.01)
    now_s = end_many(freed, 0.0, each_s=0.01, ends=100, limit=4)
    assert freed.rate(now_s + 10.0) < 20.0


@pytest.mark.parametrize(("before_s", "after_s"), [(0.005, 0.0065), (0.005, 0.05), (0.05, 0.005)])
def test_another_speed_is_known_soon(before_s: float, after_s: float) -> None:
    """Within two seconds of ends, or hundred of them."""
    freed = FreedPlaces()
    freed.begin(0.0, 8, 0.0)
    now_s = end_many(freed, 0.0, each_s=before_s, ends=1000, limit=8)
    ends = max(int(2.0 / after_s), 100)
    now_s = end_many(freed, now_s, each_s=after_s, ends=ends, limit=8)
    assert freed.rate(now_s) == pytest.approx(1 / after_s, rel=0.35)


def test_after_a_pause_what_was_known_is_a_first_guess() -> None:
    """It counts for one round of places, not for all that had been seen."""
    freed = FreedPlaces()
    freed.begin(0.0, 8, 0.0)
    now_s = end_many(freed, 0.0, each_s=0.05, ends=100, limit=8)
    freed.stop(now_s)
    freed.begin(now_s + 60.0, 8, 0.001)
    assert freed.rate(now_s + 60.0) == pytest.approx(20.0)
    now_s = end_many(freed, now_s + 60.0, each_s=0.001, ends=30, limit=8)
    assert freed.rate(now_s) == pytest.approx(40 / 0.53)


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "stop", "wait"]), st.floats(0, 5))))
def test_the_rate_is_never_nonsense(acts: list[tuple[str, float]]) -> None:
    """Whatever happens, it is a finite number, and not negative."""
    freed, now_s = FreedPlaces(), 0.0
    for act, seconds in acts:
        now_s += seconds
        if act == "begin":
            freed.begin(now_s, 3, 0.01)
        elif act == "end" and freed.is_busy:
            freed.ended(now_s, 3)
        elif act == "stop":
            freed.stop(now_s)
        assert 0.0 <= freed.rate(now_s) < 1e9
