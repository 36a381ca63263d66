"""What operators may order of a rollout."""

import pytest

from control.core.rollout import Step
from control.core.rollout_facts import Work
from control.core.rollout_orders import (
    other_than,
    pause,
    promote_now,
    resume,
    roll_back,
    set_weight,
)
from control.core.rollout_phases import Phase
from control.core.rollout_route import is_pin_moved
from tests.core.rollout_story import SHADOWED, Story


def obeyed(story: Story, ordered: Step | str) -> Story:
    """The story after an order."""
    assert isinstance(ordered, Step), ordered
    story.record = ordered.record
    return story


def proved(story: Story) -> None:
    """Let the step have all that it needs."""
    story.wait(1000.0)
    story.counted(1000, stable_calls=1000)
    story.did(Work.ASK_STEP)


def test_a_paused_rollout_stands_and_goes_on_from_there():
    """The step begins anew: what was counted meanwhile is not its own."""
    story = Story()
    story.to_canary()
    obeyed(story, pause(story.record, "lunch"))
    proved(story)
    assert story.go() == []
    obeyed(story, resume(story.record, "back", story.now_s))
    story.wait(10.0)
    assert story.go() == []
    story.counted(1020, stable_calls=2000)
    assert story.go() == ["canary_weight"]


def test_a_paused_canary_is_rolled_back_all_the_same():
    """Pausing stops progress, not protection."""
    story = Story()
    story.to_canary()
    obeyed(story, pause(story.record, "lunch"))
    story.knows(stopped="bad")
    assert story.go() == ["rolled_back"]


@pytest.mark.parametrize("weight", [0.0, 33.0, 90.0])
def test_a_weight_of_an_operator_holds_until_resumed(weight):
    """Steps wait; the policy goes on where it was, with the weight of that step."""
    story = Story()
    story.to_canary()
    obeyed(story, set_weight(story.record, weight, "a closer look"))
    proved(story)
    assert story.go() == []
    assert story.record.rollout.weight == weight
    obeyed(story, resume(story.record, "", story.now_s))
    assert story.go() == []
    assert story.record.rollout.weight == 10.0
    story.wait(10.0)
    story.counted(1020, stable_calls=2000)
    story.go()
    assert story.record.rollout.weight == 50.0


def test_a_paused_bake_goes_on_with_all_requests():
    """It begins anew, and its weight is not one of the steps."""
    story = Story()
    story.to_baking()
    obeyed(story, pause(story.record, "lunch"))
    proved(story)
    assert story.go() == []
    obeyed(story, resume(story.record, "back", story.now_s))
    assert (story.go(), story.record.rollout.weight) == ([], 100.0)
    story.wait(60.0)
    story.counted(1020, stable_calls=2000)
    assert story.go() == ["live"]


def test_where_requests_cannot_be_split_only_all_or_none_can_be_ordered():
    """No gateway would give it a part of them."""
    story = Story()
    story.knows(can_be_split=False)
    story.to_canary()
    for refusal in (
        resume(story.record, "", 1.0),
        set_weight(story.record, 50.0, ""),
    ):
        assert "cannot be split between versions: promote or rollback" in refusal
    assert obeyed(story, promote_now(story.record, "", story.now_s)).go() == ["pin_moved"]
    story.wait(60.0)
    assert story.go() == ["live"]


@pytest.mark.parametrize("policy", [SHADOWED, None])
def test_an_operator_may_promote_at_once(policy):
    """From shadowing or any weight; it still bakes."""
    story = Story()
    if policy is not None:
        story.knows(policy=policy)
    story.to_canary()
    obeyed(story, promote_now(story.record, "", story.now_s))
    assert story.go() == ["pin_moved"]
    assert is_pin_moved(story.record)
    assert story.go() == []


def test_an_operator_may_end_a_bake_that_waits_for_calls_that_do_not_come():
    """Without calls nothing proves the version; what is dropped next would wait for ever."""
    story = Story()
    story.to_baking()
    story.drop(3)
    story.wait(30 * 86_400.0)
    story.go()
    assert story.record.rollout.version == 2
    obeyed(story, promote_now(story.record, "nobody calls it", story.now_s))
    assert (story.phase(1), story.phase(2)) == (Phase.RETIRED, Phase.LIVE)
    assert story.reason(2) == "nobody calls it"
    assert story.reason(1) == "version 2 has taken its place"
    assert (story.record.stable, story.record.previous) == (2, None)
    assert story.go()[0] == "rollout_started"


def test_a_paused_bake_may_be_ended_too():
    """The order says all that there is to say."""
    story = Story()
    story.to_baking()
    obeyed(story, pause(story.record, "lunch"))
    story.wait(60.0)
    obeyed(story, promote_now(story.record, "", story.now_s))
    assert (story.phase(2), story.reason(2)) == (Phase.LIVE, "ordered while it was baking")


def test_promoting_twice_ends_no_bake():
    """A script that tries again, say, must not take the version before away at once."""
    story = Story()
    story.to_canary()
    obeyed(story, promote_now(story.record, "", story.now_s))
    assert "as soon as it can answer them" in promote_now(story.record, "", story.now_s)
    assert story.go() == ["pin_moved"]
    refusal = promote_now(story.record, "", story.now_s + 18.5)
    assert "when it has baked for 60 s, in 42 s" in refusal
    story.wait(-3600.0)  # the clock was an hour ahead
    assert isinstance(promote_now(story.record, "", story.now_s), Step)


def test_an_order_may_say_which_version_it_means():
    """Another one may be under way by the time that it comes."""
    story = Story()
    assert other_than(story.record, 2) == ""  # the order itself is refused
    story.to_canary()
    assert other_than(story.record, None) == ""
    assert other_than(story.record, 2) == ""
    assert other_than(story.record, 3) == "version 2 is being rolled out, not version 3"


@pytest.mark.parametrize("bring", [Story.to_canary, Story.to_baking])
def test_an_operator_may_roll_back_at_once(bring):
    """The version before has everything again."""
    story = Story()
    bring(story)
    obeyed(story, roll_back(story.record, "I do not like it", story.now_s))
    assert (story.phase(2), story.record.stable) == (Phase.ROLLED_BACK, 1)
    assert story.reason(2) == "I do not like it"


def test_a_version_without_traffic_can_be_taken_out_too():
    """It ends as rejected: it has served nobody."""
    story = Story()
    story.drop(2)
    story.go()
    obeyed(story, roll_back(story.record, "wrong file", story.now_s))
    assert story.phase(2) is Phase.REJECTED


@pytest.mark.parametrize(
    ("order", "part"),
    [
        (lambda record: pause(record, ""), "no version is being rolled out"),
        (lambda record: resume(record, "", 1.0), "no version is being rolled out"),
        (lambda record: set_weight(record, 5.0, ""), "no version is being rolled out"),
        (lambda record: promote_now(record, "", 1.0), "no version is being rolled out"),
        (lambda record: roll_back(record, "", 1.0), "no version is being rolled out"),
    ],
)
def test_without_a_rollout_there_is_nothing_to_order(order, part):
    """The refusal says what there is."""
    assert part in order(Story().record)


def test_orders_that_do_not_fit_the_phase_are_refused_in_words():
    """A version that has no traffic cannot be weighted, paused or promoted."""
    story = Story()
    story.drop(2)
    story.go()
    assert "no traffic yet" in pause(story.record, "")
    assert "no traffic yet" in promote_now(story.record, "", 1.0)
    assert "no traffic yet" in set_weight(story.record, 5.0, "")
    baking = Story()
    baking.to_baking()
    assert "gets all requests already" in set_weight(baking.record, 5.0, "")
    shadowing = Story()
    shadowing.knows(policy=SHADOWED)
    shadowing.to_canary()
    assert "only a canary has a weight" in set_weight(shadowing.record, 5.0, "")
    assert "not paused" in resume(shadowing.record, "", 1.0)
    obeyed(shadowing, pause(shadowing.record, ""))
    assert "paused already" in pause(shadowing.record, "")
