"""A version that is tried out while nothing that is live loads: it is all that can answer."""

from control.core.rollout_facts import Result, Work
from control.core.rollout_orders import pause, set_weight
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import live_versions, route_of, version_apart, versions_to_unload
from tests.core.rollout_story import APART, POLICY, SHADOWED, Story
from tests.core.test_rollout_route import record_of

WHY = "version 1 does not load: no GPU"


def alone(policy=POLICY) -> Story:
    """A canary, and version 1 does not load any more."""
    story = Story()
    story.knows(policy=policy)
    story.to_canary()
    story.knows(ready=frozenset({2}), alone=WHY)
    return story


def test_it_takes_over_where_nobody_else_can_answer():
    """It has passed verification, and has loaded; without it nothing is answered at all."""
    story = alone()
    assert story.go() == ["promoting", "pin_moved"]
    assert story.steps[-2].reason == WHY
    assert route_of(story.record).live == {1, 2}


def test_copies_of_requests_that_nobody_answers_are_not_waited_for():
    """Stable has to answer what is copied."""
    story = alone(SHADOWED)
    assert story.phase(2) is Phase.SHADOWING
    assert story.go() == ["promoting", "pin_moved"]


def test_one_in_a_server_of_its_own_is_loaded_beside_first():
    """Its requests go to where it stays."""
    story = alone(APART)
    story.knows(ready=frozenset())
    assert story.go() == ["promoting"]
    assert version_apart(story.record) == 2
    story.knows(ready=frozenset({2}))
    assert story.go() == ["pin_moved"]


def test_a_bad_one_is_rolled_back_all_the_same():
    """Its own failures speak against it, whatever the others do."""
    story = alone()
    story.knows(stopped="it has died")
    assert story.go() == ["rolled_back"]


def test_an_operator_who_holds_it_decides():
    """Paused, or with a weight of theirs, it stands where it is."""
    for order in (pause, lambda record, reason: set_weight(record, 10.0, reason)):
        story = alone()
        story.record = order(story.record, "").record
        assert story.go() == []


def test_it_bakes_for_its_time_and_is_live():
    """Nobody is there to judge it beside: calls that are judged would never come."""
    story = alone()
    story.go()
    assert story.go() == []
    story.wait(60.0)
    assert story.go() == ["live"]
    assert story.reason(2) == WHY
    assert story.phase(1) is Phase.RETIRED


def test_where_the_one_before_comes_back_it_has_to_prove_itself():
    """Then there is somebody to take over."""
    story = alone()
    story.go()
    story.knows(ready=frozenset({1, 2}), alone="")
    story.wait(60.0)
    assert story.go() == []


def test_what_answers_stays_until_a_live_version_is_loaded():
    """One that was taken out answers nobody, and may be what keeps the live one out."""
    phases = {1: Phase.RETIRED, 2: Phase.LIVE, 3: Phase.ROLLED_BACK, 4: Phase.REJECTED}
    record = record_of(phases)
    assert versions_to_unload(record, frozenset({1, 3, 4, 7})) == {3, 4}
    assert versions_to_unload(record, frozenset({1, 2, 3, 7})) == {1, 3, 7}
    assert versions_to_unload(record, frozenset({2})) == frozenset()


def test_without_a_live_version_there_is_nothing_to_wait_for():
    """All that is loaded and not under way goes."""
    assert versions_to_unload(record_of({3: Phase.REJECTED}), frozenset({3, 4})) == {3, 4}


def test_a_first_version_is_loaded_where_it_will_be_served():
    """There is nothing to try it beside: in a server of its own it would be live, and nowhere."""
    story = Story(record=ModelRecord("m"))
    story.knows(folders={}, policy=APART)
    story.drop(1)
    assert "rollout_started" in story.go()
    story.did(Work.STAGE, Result(is_good=True, detail="digest 1"))
    story.go()
    story.did(Work.VERIFY)
    story.did(Work.ASK_PRE_ROLLOUT)
    assert story.go() == ["loading"], "and its contract has not been changed"
    assert version_apart(story.record) is None
    story.knows(ready_apart=frozenset({1}))
    assert story.go() == []
    story.knows(ready=frozenset({1}))
    assert story.go() == ["live"]
    assert live_versions(story.record) == {1}
