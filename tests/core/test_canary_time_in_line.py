"""How long a request waits for a canary while stable is busy."""

import pytest

from control.core.canary_time import trial_times


def test_the_wait_for_a_place_at_stable_is_kept_too() -> None:
    """Twice, as nobody may wait for more than half of their time; a canary has no part in it."""
    times = trial_times(0.0, 3.0, 0.2, wait_s=0.5, is_baking=False)
    assert times is not None
    assert times.leaves_s == pytest.approx(3.0 - 2 * (0.2 + 0.5) - 0.01)
    idle = trial_times(0.0, 3.0, 0.2, is_baking=False)
    assert idle is not None
    assert times.ends_s == idle.ends_s
    assert trial_times(0.0, 1.5, 0.2, wait_s=0.5, is_baking=False) is None
