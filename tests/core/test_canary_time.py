"""How long a canary may take for a request that others can answer too."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_time import canary_deadline, shadow_deadline, timed_out_fairly

SECONDS = st.floats(0.001, 1000)


@given(st.floats(0, 1e6), st.floats(-5, 3600), st.one_of(st.just(0.0), SECONDS))
def test_stable_always_has_half_of_the_time(now_s: float, left_s: float, usual_s: float) -> None:
    """Whatever the canary does, stable then has as much time as the canary had, or more."""
    until_s = canary_deadline(now_s + left_s, now_s, usual_s)
    left_s = max(0.0, left_s)
    assert until_s - now_s <= left_s / 2 + 1e-6
    assert until_s >= now_s
    if usual_s:
        assert until_s - now_s <= max(1.0, 10 * usual_s) + 1e-6


def test_a_slow_canary_is_given_up_long_before_the_deadline() -> None:
    """Where stable takes 20 ms, nobody waits a minute; where that is not known, for half of it."""
    assert canary_deadline(160.0, 100.0, 0.02) == 101.0
    assert canary_deadline(160.0, 100.0, 0.5) == 105.0
    assert canary_deadline(160.0, 100.0, 0.0) == 130.0
    assert canary_deadline(101.0, 100.0, 0.5) == 100.5


@given(st.floats(0, 1e6), st.one_of(st.just(0.0), SECONDS))
def test_a_copy_has_time_of_its_own(now_s: float, usual_s: float) -> None:
    """Enough for ten times what stable takes, within bounds."""
    assert 1.0 - 1e-6 <= shadow_deadline(now_s, usual_s) - now_s <= 30.0 + 1e-6


def test_a_time_out_is_held_against_who_had_time() -> None:
    """Not where stable took long for this request too, or where there was hardly any time."""
    assert timed_out_fairly(1.0, 0.02, 0.02)
    assert not timed_out_fairly(1.0, 0.9, 0.02)
    assert not timed_out_fairly(1.0, 0.0, 0.9)  # stable's answer came from the cache
    assert not timed_out_fairly(0.05, 0.0, 0.0)
    assert timed_out_fairly(0.5, 0.0, 0.0)
