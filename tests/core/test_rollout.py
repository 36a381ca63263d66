"""A version's way from its drop to all requests."""

from dataclasses import replace

from control.core.canary_policy import Isolation
from control.core.rollout_facts import Result, Work
from control.core.rollout_phases import Phase
from control.core.rollout_route import (
    is_pin_moved,
    live_versions,
    route_of,
    version_apart,
    versions_in_main,
)
from tests.core.rollout_story import APART, SHADOWED, Story


def test_a_good_version_reaches_all_requests_by_itself():
    """Copied, verified, loaded, tried at each weight, promoted, proved: nobody has to order it."""
    story = Story()
    story.to_baking()
    assert story.phase(2) is Phase.PROMOTING
    assert (story.record.stable, story.record.previous) == (2, 1)
    story.counted(80, stable_calls=600)
    story.wait(59.0)
    assert story.go() == []
    story.wait(1.0)
    assert story.go() == ["live"]
    assert (story.phase(1), story.phase(2)) == (Phase.RETIRED, Phase.LIVE)
    assert (story.record.stable, story.record.previous, story.record.rollout) == (2, None, None)
    assert [one.action for one in story.steps] == [
        "detected", "rollout_started", "staged", "verifying", "loading", "canary", "canary_weight",
        "promoting", "pin_moved", "live",
    ]  # fmt: skip


def test_each_phase_asks_for_its_work_once():
    """What is waited for follows from the phase, and is not asked for again once it is done."""
    story = Story()
    story.drop(2)
    story.go()
    assert story.due() is Work.STAGE
    story.did(Work.STAGE, Result(is_good=True, detail="digest 2"))
    story.go()
    assert story.due() is Work.VERIFY
    story.did(Work.VERIFY)
    assert story.due() is Work.ASK_PRE_ROLLOUT
    story.did(Work.ASK_PRE_ROLLOUT)
    story.go()
    assert story.due() is None


def test_a_verification_waits_for_its_slot():
    """They run one after the other: the machine serves traffic besides."""
    story = Story()
    story.knows(has_slot=False)
    story.drop(2)
    story.go()
    story.did(Work.STAGE, Result(is_good=True, detail="digest 2"))
    assert story.go() == ["staged"]
    story.knows(has_slot=True)
    assert story.go() == ["verifying"]


def test_a_verification_that_is_begun_anew_waits_for_its_slot_too():
    """Another may have taken it: the controller was restarted, or this one could not be judged."""
    story = Story()
    story.drop(2)
    story.go()
    story.did(Work.STAGE, Result(is_good=True, detail="digest 2"))
    assert story.go() == ["staged", "verifying"]
    story.knows(has_slot=False)
    assert story.due() is None
    story.knows(has_slot=True)
    assert story.due() is Work.VERIFY


def test_a_weight_lasts_its_time_and_its_samples():
    """No traffic is not health: time alone brings nobody further, nor do calls alone."""
    story = Story()
    story.to_canary()
    assert story.record.rollout.weight == 10.0
    story.did(Work.ASK_STEP)
    story.counted(100, stable_calls=1000)
    assert story.go() == []
    story.counted(19, stable_calls=1000)
    story.wait(1000.0)
    assert story.go() == []
    story.counted(20, stable_calls=1000)
    assert story.go() == ["canary_weight"]
    assert story.record.rollout.weight == 50.0
    story.wait(10.0)
    story.did(Work.ASK_STEP)
    story.counted(39, stable_calls=1000)
    assert story.go() == []


def test_a_step_waits_for_the_webhook():
    """Whoever is asked at each step may hold it, and is asked again at the next."""
    story = Story()
    story.to_canary()
    story.wait(10.0)
    story.counted(30, stable_calls=300)
    assert story.due() is Work.ASK_STEP
    story.did(Work.ASK_STEP, Result(is_good=False, detail="not before nine"))
    assert story.go() == []
    story.did(Work.ASK_STEP)
    assert story.go() == ["canary_weight"]
    assert story.due() is None
    story.wait(10.0)
    story.counted(60, stable_calls=300)
    assert story.due() is Work.ASK_STEP


def test_shadowing_comes_before_the_first_answer():
    """Copies of requests are compared first; the canary begins with as many as were asked for."""
    story = Story()
    story.knows(policy=SHADOWED)
    story.to_canary()
    assert story.phase(2) is Phase.SHADOWING
    canary = route_of(story.record).canary
    assert (canary.weight, canary.shadow) == (0.0, 20.0)
    story.counted(0, agreed=20, disagreed=9)
    assert story.go() == []
    story.counted(0, agreed=20, disagreed=10)
    assert story.go() == ["canary"], "they are only counted"
    canary = route_of(story.record).canary
    assert (canary.weight, canary.shadow) == (10.0, 0.0)


def test_a_version_apart_is_loaded_beside_the_others_only_to_be_promoted():
    """Until it is trusted it can kill no server but its own."""
    story = Story()
    story.knows(policy=APART)
    story.to_canary()
    assert story.record.rollout.isolation is Isolation.OWN_SERVER
    assert version_apart(story.record) == 2
    assert versions_in_main(story.record) == {1}
    for step in (1, 2):
        story.wait(10.0)
        story.counted(30 * step, stable_calls=300 * step)
        story.did(Work.ASK_STEP)
        story.go()
    assert story.phase(2) is Phase.PROMOTING
    assert not is_pin_moved(story.record)
    assert (version_apart(story.record), versions_in_main(story.record)) == (2, {1, 2})
    assert route_of(story.record).canary.weight == 50.0
    story.knows(ready=frozenset({1, 2}))
    assert story.go() == ["pin_moved"]
    assert (version_apart(story.record), versions_in_main(story.record)) == (None, {1, 2})


def test_while_it_bakes_a_promoted_version_is_called_as_a_canary_of_all_requests():
    """What it fails on is answered by the version before."""
    story = Story()
    story.to_baking()
    route = route_of(story.record)
    assert (route.stable, route.canary.version, route.canary.weight) == (1, 2, 100.0)
    assert route.canary.policy.judge.max_duration_ratio is None
    assert route.live == {1, 2}


def test_a_model_that_keeps_state_waits_for_an_order():
    """Requests that belong together cannot be split between versions."""
    story = Story()
    story.knows(can_be_split=False)
    story.to_canary()
    assert (story.phase(2), story.record.rollout.weight) == (Phase.CANARY, 0.0)
    assert story.record.rollout.is_paused
    story.wait(10_000.0)
    story.counted(10_000, stable_calls=1)
    assert story.go() == []


def test_a_models_first_version_is_served_once_it_is_verified():
    """There is nothing to compare it with, and nobody whom it could harm."""
    story = Story(record=replace(Story().record, stable=None, versions={}))
    story.knows(folders={})
    story.drop(1)
    story.to_canary(3)
    assert (story.phase(3), story.record.stable) == (Phase.LIVE, 3)
    assert "only an order" in story.reason(1)


def test_nothing_bakes_to_its_end_while_it_cannot_answer():
    """A tritonserver that is started anew has the version before; the promoted one comes later."""
    story = Story()
    story.to_baking()
    story.knows(ready=frozenset({1}))
    story.counted(80, stable_calls=600)
    story.wait(100.0)
    assert story.go() == []
    assert live_versions(story.record) == {1}
    story.knows(ready=frozenset({1, 2}))
    assert story.go() == ["live"]


def test_a_version_is_not_loaded_while_an_earlier_attempt_with_it_still_is():
    """What is loaded may have other files: it would be taken for the new ones."""
    story = Story()
    story.to_canary()
    story.knows(stopped="it failed", loaded=frozenset({1, 2}))
    assert story.go() == ["rolled_back"]
    story.drop(2, "mended")
    story.go()
    story.did(Work.STAGE, Result(is_good=True, detail="mended"))
    story.go()
    story.did(Work.VERIFY)
    story.did(Work.ASK_PRE_ROLLOUT)
    assert (story.go(), story.phase(2)) == ([], Phase.VERIFYING)
    story.knows(ready=frozenset({1}), loaded=frozenset({1}))
    assert story.go() == ["loading"]
