"""How long a request waits for a canary, and how long a canary has to answer it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_time import (
    confirm_deadline,
    shadow_deadline,
    timed_out_fairly,
    trial_times,
)

SECONDS = st.floats(0.001, 1000)
USUAL = st.one_of(st.just(0.0), SECONDS)
EMPTY_HANDED = 1e-6


@given(st.floats(0, 1e6), st.floats(-5, 3600), USUAL, st.booleans())
def test_stable_can_still_answer_who_has_waited_in_vain(
    now_s: float, left_s: float, usual_s: float, is_baking: bool
) -> None:
    """It has twice what it usually takes, or half of the time; else the canary is not asked.

    But for a version that bakes: it gets what is too little for both.
    """
    times = trial_times(now_s, now_s + left_s, usual_s, is_baking=is_baking)
    if times is None:
        assert not is_baking or left_s <= EMPTY_HANDED
        assert left_s <= max(3.5 * usual_s + 0.01, 0.0 if usual_s else 1.0) + EMPTY_HANDED
        return
    assert now_s == times.began_s
    assert now_s <= times.leaves_s <= times.due_s <= times.ends_s
    kept_s = now_s + left_s - times.leaves_s
    needed_s = 2 * usual_s if usual_s else left_s / 2
    assert kept_s >= needed_s - EMPTY_HANDED or (is_baking and kept_s <= EMPTY_HANDED)


@given(st.floats(-5, 3600), USUAL)
def test_a_canary_is_judged_by_its_own_time(left_s: float, usual_s: float) -> None:
    """Not by how patient a client is, or how much of the time stable needs."""
    times = trial_times(0.0, left_s, usual_s, is_baking=True)
    if times is not None:
        assert times.due_s == pytest.approx(max(1.0, 10 * usual_s) if usual_s else 5.0)


@given(st.floats(-5, 3600), USUAL, st.floats(0, 1))
def test_a_canary_always_has_the_time_that_it_is_judged_by(
    left_s: float, usual_s: float, share: float
) -> None:
    """However long stable took for the request, within what its caller had, up to 30 s."""
    times = trial_times(0.0, left_s, usual_s, is_baking=True)
    if times is None:
        return
    took_s = share * min(left_s, 30.0)
    fair_s = times.fair_s(took_s, usual_s)
    assert times.due_s <= fair_s <= times.ends_s + EMPTY_HANDED
    assert timed_out_fairly(fair_s, took_s, usual_s)


@pytest.mark.parametrize(
    ("left_s", "usual_s", "leaves_s", "due_s", "ends_s"),
    [
        (60.0, 0.02, 1.0, 1.0, 75.0),  # long before the deadline stable is asked as well
        (60.0, 0.5, 5.0, 5.0, 75.0),
        (60.0, 0.0, 5.0, 5.0, 75.0),
        (4.0, 0.02, 1.0, 1.0, 10.0),
        (0.5, 0.1, 0.29, 1.0, 2.5),
        (2.0, 0.0, 1.0, 5.0, 12.5),
    ],
)
def test_a_request_waits_as_long_as_it_can(
    left_s: float, usual_s: float, leaves_s: float, due_s: float, ends_s: float
) -> None:
    """By what is known of stable."""
    times = trial_times(0.0, left_s, usual_s, is_baking=False)
    assert times is not None
    expected = pytest.approx((leaves_s, due_s, ends_s))
    assert (times.leaves_s, times.due_s, times.ends_s) == expected


@pytest.mark.parametrize(("left_s", "usual_s"), [(0.2, 0.12), (0.5, 0.0), (0.0, 0.1)])
def test_a_request_with_too_little_time_for_both_is_stables(left_s: float, usual_s: float) -> None:
    """Nobody is judged by it."""
    assert trial_times(0.0, left_s, usual_s, is_baking=False) is None


@pytest.mark.parametrize("usual_s", [0.0, 0.12])
def test_a_version_that_bakes_gets_all_of_a_time_that_is_too_short_for_two(usual_s: float) -> None:
    """It is what will be served, and is judged by a longer time all the same."""
    times = trial_times(0.0, 0.2, usual_s, is_baking=True)
    assert times is not None
    assert times.leaves_s == pytest.approx(0.2)
    assert times.due_s >= 1.0


@given(st.floats(0, 1e6), USUAL, st.floats(0, 30))
def test_a_copy_has_time_of_its_own(now_s: float, usual_s: float, took_s: float) -> None:
    """Enough for ten times what stable takes, and more than twice what it took, within bounds."""
    has_s = shadow_deadline(now_s, usual_s, took_s) - now_s
    assert 1.0 - 1e-6 <= has_s <= 30.0 + 1e-6
    assert has_s >= min(30.0, 2.5 * took_s) - 1e-6


@given(st.floats(0, 1e6), USUAL, st.floats(-5, 3600))
def test_stable_has_what_the_caller_had(now_s: float, usual_s: float, callers_s: float) -> None:
    """Or what it surely takes, within bounds."""
    has_s = confirm_deadline(now_s, usual_s, callers_s) - now_s
    assert min(30.0, max(1.0, callers_s)) - 1e-6 <= has_s <= 30.0 + 1e-6


def test_a_time_out_is_held_against_who_had_time() -> None:
    """Not where stable took long for this request too, or where there was hardly any time."""
    assert timed_out_fairly(1.0, 0.02, 0.02)
    assert not timed_out_fairly(1.0, 0.9, 0.02)
    assert not timed_out_fairly(1.0, 0.0, 0.9)  # stable's answer came from the cache
    assert not timed_out_fairly(0.05, 0.0, 0.0)
    assert timed_out_fairly(0.5, 0.0, 0.0)
