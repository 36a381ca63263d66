"""How long a request waits for a canary, and how long a canary has to answer it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_time import TrialTimes, shadow_deadline, timed_out_fairly, trial_times

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
    assert now_s <= times.leaves_s <= times.ends_s
    kept_s = now_s + left_s - times.leaves_s
    needed_s = 2 * usual_s if usual_s else left_s / 2
    assert kept_s >= needed_s - EMPTY_HANDED or (is_baking and kept_s <= EMPTY_HANDED)


@given(st.floats(-5, 3600), USUAL)
def test_a_canary_is_judged_by_its_own_time(left_s: float, usual_s: float) -> None:
    """Not by how patient a client is, or how much of the time stable needs."""
    times = trial_times(0.0, left_s, usual_s, is_baking=True)
    if times is not None:
        assert times.ends_s >= (max(1.0, 10 * usual_s) if usual_s else 5.0) - EMPTY_HANDED


@pytest.mark.parametrize(
    ("left_s", "usual_s", "expected"),
    [
        (60.0, 0.02, TrialTimes(1.0, 1.0)),  # a slow canary is given up long before the deadline
        (60.0, 0.5, TrialTimes(5.0, 5.0)),
        (60.0, 0.0, TrialTimes(5.0, 5.0)),
        (0.5, 0.1, TrialTimes(0.29, 1.0)),
        (2.0, 0.0, TrialTimes(1.0, 5.0)),
        (0.2, 0.12, None),
        (0.5, 0.0, None),
        (0.0, 0.1, None),
    ],
)
def test_a_request_waits_as_long_as_it_can(
    left_s: float, usual_s: float, expected: TrialTimes | None
) -> None:
    """By what is known of stable."""
    times = trial_times(0.0, left_s, usual_s, is_baking=False)
    if expected is None:
        assert times is None
        return
    assert times is not None
    assert times.leaves_s == pytest.approx(expected.leaves_s)
    assert times.ends_s == pytest.approx(expected.ends_s)


@pytest.mark.parametrize("usual_s", [0.0, 0.12])
def test_a_version_that_bakes_gets_all_of_a_time_that_is_too_short_for_two(usual_s: float) -> None:
    """It is what will be served, and is judged by a longer time all the same."""
    times = trial_times(0.0, 0.2, usual_s, is_baking=True)
    assert times is not None
    assert times.leaves_s == pytest.approx(0.2)
    assert times.ends_s >= 1.0


@given(st.floats(0, 1e6), USUAL)
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
