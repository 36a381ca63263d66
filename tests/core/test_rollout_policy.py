"""A rollout keeps its plan, and takes over what its contract says, if that can be read."""

from dataclasses import replace

import pytest

from control.core.canary_policy import DEFAULT_CANARY, CanaryPolicy, Isolation
from control.core.rollout_facts import Result, Work
from control.core.rollout_orders import pause, resume, set_weight
from control.core.rollout_phases import Phase
from control.core.rollout_route import route_of
from tests.core.rollout_story import APART, POLICY, SHADOWED, Story

SMALL_STEPS = replace(POLICY, step_weights=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0))


def at_step(step: int, policy: CanaryPolicy = SMALL_STEPS) -> Story:
    """A canary that has come so far."""
    story = Story()
    story.knows(policy=policy)
    story.to_canary()
    for _ in range(step):
        prove(story)
        assert story.go() == ["canary_weight"]
    return story


def prove(story: Story) -> None:
    """Let the step have all that it needs."""
    story.wait(10.0)
    story.counted(story.facts.counts.calls + 30, stable_calls=9000)
    story.did(Work.ASK_STEP)


def standing(story: Story) -> tuple[int, float]:
    """The step and the weight."""
    rollout = story.record.rollout
    return rollout.step, rollout.weight


def test_a_contract_that_cannot_be_read_changes_nothing():
    """The plan is the one that it began with, whoever reads the file next."""
    story = at_step(3)
    story.knows(policy=None)
    prove(story)
    assert story.go() == ["canary_weight"]
    assert standing(story) == (4, 20.0)
    assert route_of(story.record).canary.policy == SMALL_STEPS


def test_a_shorter_list_promotes_nobody():
    """The weight is what counts, not its place in another list."""
    story = at_step(3)
    story.knows(policy=replace(DEFAULT_CANARY, interval_s=10.0, minimum_samples=20))
    prove(story)
    assert story.go() == ["policy_changed"]
    assert standing(story) == (0, 5.0), "the greatest of the new weights that it has reached"
    prove(story)
    assert story.go() == ["canary_weight"]
    assert standing(story) == (1, 20.0)


@pytest.mark.parametrize(
    ("weights", "after"),
    [
        ((10.0, 90.0), (0, 10.0)),
        ((1.0, 5.0), (1, 5.0)),
        ((20.0, 50.0), (0, 20.0)),
        ((5.0, 10.0, 11.0), (1, 10.0)),
    ],
)
def test_a_canary_finds_its_place_in_other_steps(weights, after):
    """Lower weights hold at once: whoever writes them wants less to go wrong."""
    story = at_step(3)
    before_s = story.record.rollout.step_since_s
    story.wait(5.0)
    story.knows(policy=replace(SMALL_STEPS, step_weights=weights, max_weight=100.0))
    assert story.go() == ["policy_changed"]
    assert standing(story) == after
    begins_anew = story.record.rollout.step_since_s > before_s
    assert begins_anew is (after[1] != 10.0)
    assert "contract has been changed" in story.steps[-1].reason


def test_other_steps_leave_an_operators_weight_alone():
    """It holds until ``resume``."""
    story = at_step(5)
    story.record = set_weight(story.record, 77.0, "").record
    story.knows(policy=POLICY)
    assert story.go() == ["policy_changed"]
    assert standing(story) == (1, 77.0)
    story.record = resume(story.record, "", story.now_s).record
    assert standing(story) == (1, 50.0)


def test_a_model_that_cannot_be_split_gets_no_weight_by_a_contract():
    """It waits for an order."""
    story = Story()
    story.knows(can_be_split=False)
    story.to_canary()
    story.knows(policy=SMALL_STEPS)
    assert (story.go(), standing(story)) == (["policy_changed"], (0, 0.0))


def test_a_shadow_that_is_switched_off_is_done():
    """Nobody waits for copies that are not made any more."""
    story = Story()
    story.knows(policy=SHADOWED)
    story.to_canary()
    assert story.phase(2) is Phase.SHADOWING
    story.record = pause(story.record, "").record
    story.knows(policy=POLICY)
    assert (story.go(), standing(story)) == (["policy_changed"], (0, 0.0))
    story.record = resume(story.record, "", story.now_s).record
    assert (story.go(), standing(story)) == (["canary"], (0, 10.0))


def test_where_a_version_runs_is_settled_when_it_is_loaded():
    """Before, a contract that was half written at first may still ask for a server of its own."""
    story = Story()
    story.drop(2)
    assert story.go() == ["detected", "rollout_started"]
    story.knows(policy=APART)
    assert story.go() == ["policy_changed"]
    assert story.record.rollout.isolation is Isolation.OWN_SERVER
    story.knows(policy=POLICY)
    assert story.go() == [], "asked for by other models, it may not be taken back"
    loaded = Story()
    loaded.to_canary()
    loaded.knows(policy=APART)
    assert loaded.go() == []
    assert loaded.record.rollout.isolation is Isolation.SAME_SERVER


def test_the_plan_is_taken_from_the_contract_at_the_beginning():
    """And kept from then on."""
    story = Story()
    story.knows(policy=SHADOWED)
    story.drop(2)
    story.go()
    assert story.record.rollout.policy == SHADOWED
    story.did(Work.STAGE, Result(is_good=True, detail="digest 2"))
    story.knows(policy=None)
    story.go()
    assert story.record.rollout.policy == SHADOWED
