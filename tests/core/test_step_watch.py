"""How long steps have lasted, and their calls, as far as a driver can vouch."""

from dataclasses import replace

import pytest

from control.core.canary_policy import Isolation
from control.core.rollout_record import Rollout
from control.core.step_watch import HEARD_S, StepSeen, StepWatch

#: The clock on the wall is far from the one that only goes forward.
WALL_S = 1e9
STEP = Rollout("r", 2, 1, Isolation.SAME_SERVER, WALL_S, step_since_s=WALL_S)


def test_a_step_is_measured_from_its_first_look_on():
    """Calls from before are not its own."""
    watch = StepWatch(0.0)
    assert watch.look(STEP, 40, WALL_S, HEARD_S) == StepSeen(0.0, 0)
    assert watch.look(STEP, 45, WALL_S + 2.0, HEARD_S + 2.0) == StepSeen(2.0, 5)
    following = replace(STEP, step_since_s=WALL_S + 2.0)
    assert watch.look(following, 45, WALL_S + 3.0, HEARD_S + 3.0) == StepSeen(1.0, 0)
    assert watch.look(following, 50, WALL_S + 3.0, HEARD_S + 3.5) == StepSeen(1.5, 5)


@pytest.mark.parametrize(("wall_s", "before_s"), [(WALL_S + 30.0, 30.0), (WALL_S - 30.0, 0.0)])
def test_what_passed_before_is_known_from_the_wall_alone(wall_s, before_s):
    """A clock that was set back meanwhile holds nobody up."""
    watch = StepWatch(-HEARD_S)
    assert watch.look(STEP, 0, wall_s, 0.0).lasted_s == before_s
    assert watch.look(STEP, 0, WALL_S - 1e6, 1.0).lasted_s == before_s + 1.0
    assert watch.look(STEP, 0, WALL_S + 1e6, 2.0).lasted_s == before_s + 2.0


def test_nothing_is_vouched_for_before_all_gateways_have_been_heard():
    """They have counted for long, and report to who starts one after the other."""
    watch = StepWatch(0.0)
    assert watch.look(STEP, 0, WALL_S + 60.0, 0.0) == StepSeen()
    assert watch.look(STEP, 1000, WALL_S + 61.0, 1.0) == StepSeen()
    assert watch.look(STEP, 2000, WALL_S + 60.0 + HEARD_S, HEARD_S) == StepSeen(60.0 + HEARD_S, 0)
    assert watch.look(STEP, 2007, WALL_S, HEARD_S + 1.0) == StepSeen(61.0 + HEARD_S, 7)


def test_gateways_that_count_anew_begin_from_nothing():
    """However many there were before: 999 calls are not more than 1000."""
    watch = StepWatch(-HEARD_S)
    watch.look(STEP, 1000, WALL_S, 0.0)
    seen = [watch.look(STEP, calls, WALL_S, 1.0).calls for calls in (3, 500, 999, 1000, 1005)]
    assert seen == [0, 497, 996, 997, 1002]


def test_who_has_ended_is_forgotten():
    """There is always another one."""
    watch = StepWatch(-HEARD_S)
    for name in ("a", "b"):
        watch.look(replace(STEP, rollout=name), 10, WALL_S, 0.0)
    watch.forget_others({"b"})
    assert watch.look(replace(STEP, rollout="a"), 20, WALL_S, 1.0) == StepSeen(0.0, 0)
    assert watch.look(replace(STEP, rollout="b"), 20, WALL_S, 1.0) == StepSeen(1.0, 10)
