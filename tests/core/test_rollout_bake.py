"""What a promoted version has to show while the one before can still take over."""

from dataclasses import replace

from control.core.canary_policy import ShadowPolicy
from control.core.rollout_facts import Work
from control.core.rollout_orders import promote_now
from control.core.rollout_phases import Phase
from control.core.step_watch import HEARD_S, StepWatch
from tests.core.rollout_story import POLICY, SHADOWED, Story


def baking(**counts: int) -> Story:
    """A version that has baked for long enough, with so much counted in all."""
    story = Story()
    story.to_baking()
    story.wait(60.0)
    story.counted(**{"calls": 60, "stable_calls": 600, **counts})
    return story


def test_nothing_bakes_to_its_end_without_traffic():
    """No traffic is not health, here either: calls from before say nothing of all requests."""
    story = baking(calls=60)
    assert story.go() == []
    story.counted(79, stable_calls=600)
    assert story.go() == []
    story.counted(80, stable_calls=600)
    assert story.go() == ["live"]


def test_a_version_that_fails_more_than_it_may_bakes_on():
    """It is not proved to be bad, nor to be good."""
    story = baking(calls=1060, failures=25)
    assert story.go() == []
    story.counted(10_000, failures=25, stable_calls=600)
    assert story.go() == ["live"]


def test_a_driver_that_starts_late_waits_for_what_gateways_have_to_say():
    """One may have stopped the version meanwhile: the clock alone makes nothing live."""
    story = baking(calls=0, stable_calls=0)
    story.watch = StepWatch(story.now_s)
    assert story.go() == []
    story.counted(1000, stable_calls=600)  # heard of one gateway, and another is still silent
    story.wait(HEARD_S - 1.0)
    assert story.go() == []
    story.wait(1.0)
    assert story.go() == [], "those calls may all be from before"
    story.counted(1020, stable_calls=600)
    assert story.go() == ["live"], "the time until then counts"


def test_doubtful_copies_hold_up_no_version_that_was_promoted_over_them():
    """No more copies are made that could dispel the doubt."""
    story = Story()
    shadow = ShadowPolicy(percent=20.0, requests=1000, min_agreement=0.95)
    story.knows(policy=replace(SHADOWED, shadow=shadow))
    story.to_canary()
    story.counted(0, agreed=42, disagreed=8)
    assert story.go() == []
    story.record = promote_now(story.record, "", story.now_s).record
    assert story.go() == ["pin_moved"]
    story.counted(20, agreed=42, disagreed=8)
    story.wait(60.0)
    assert story.go() == ["live"]


def test_clocks_that_are_set_neither_end_nor_hold_up_what_is_watched():
    """A step lasts by a clock that only goes forward."""
    for jump_s in (-86_400.0, 86_400.0):
        story = Story()
        story.to_canary()
        story.did(Work.ASK_STEP)
        story.counted(100, stable_calls=1000)
        wall_s = story.now_s + jump_s
        rollout = story.record.rollout
        story.wait(5.0)
        seen = story.watch.look(rollout, 100, wall_s + 5.0, story.now_s)
        assert (seen.lasted_s, seen.calls) == (5.0, 100)
        assert (story.go(), story.phase(2)) == ([], Phase.CANARY)
        story.wait(POLICY.interval_s - 5.0)
        assert story.go() == ["canary_weight"]
