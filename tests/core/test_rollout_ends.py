"""Every way out of a rollout: what ends it, and that it ends with its reason."""

from dataclasses import replace

import pytest

from control.core.canary_policy import ShadowPolicy
from control.core.rollout import decide, end, promote
from control.core.rollout_facts import Result, Work
from control.core.rollout_phases import Phase
from control.core.rollout_route import route_of, versions_in_main
from tests.core.rollout_story import APART, POLICY, SHADOWED, Story, whole

BAD = Result(is_good=False, detail="model.py is missing")


@pytest.mark.parametrize("work", [Work.STAGE, Work.VERIFY, Work.ASK_PRE_ROLLOUT])
def test_work_that_finds_a_version_bad_rejects_it_with_the_reason(work):
    """Nothing that is found before there is traffic costs any."""
    story = Story()
    story.drop(2)
    story.go()
    for done in (Work.STAGE, Work.VERIFY, Work.ASK_PRE_ROLLOUT):
        result = Result(is_good=True, detail="digest 2") if done is Work.STAGE else None
        story.did(done, BAD if done is work else result or Result(is_good=True))
        story.go()
        if done is work:
            break
    assert story.phase(2) is Phase.REJECTED
    assert "model.py is missing" in story.reason(2)
    assert (story.record.stable, story.record.rollout) == (1, None)
    assert versions_in_main(story.record) == {1}


@pytest.mark.parametrize("bring", [Story.to_canary, Story.to_baking])
def test_a_stopped_canary_is_rolled_back(bring):
    """What a gateway has stopped gets nothing any more, and the version before has everything."""
    story = Story()
    bring(story)
    story.knows(stopped="3 of 3 calls failed")
    assert story.go() == ["rolled_back"]
    assert story.reason(2) == "3 of 3 calls failed"
    assert (story.record.stable, story.record.previous, story.record.rollout) == (1, None, None)
    assert route_of(story.record).canary is None
    assert versions_in_main(story.record) == {1}
    assert story.go() == []


def test_counts_of_all_gateways_together_can_fail_a_canary():
    """A few failures at each of many gateways are many failures."""
    story = Story()
    story.to_canary()
    story.counted(40, failures=38, stable_calls=1000)
    assert story.go() == ["rolled_back"]


def test_a_version_that_fails_on_copies_never_answers_anybody():
    """And a paused one waits."""
    story = Story()
    story.knows(policy=SHADOWED)
    story.to_canary()
    story.knows(stopped="it disagrees")
    assert story.go() == ["rolled_back"]
    waiting = Story()
    waiting.knows(policy=SHADOWED)
    waiting.to_canary()
    waiting.record = replace(
        waiting.record, rollout=replace(waiting.record.rollout, is_paused=True)
    )
    waiting.counted(0, agreed=100)
    assert waiting.go() == []


@pytest.mark.parametrize(("disagreed", "ends"), [(2, ["canary"]), (3, ["rolled_back"])])
def test_copies_have_to_agree_before_the_first_answer(disagreed, ends):
    """No more copies are made afterwards, so nothing is left to chance: 5 % of 50 are two."""
    shadow = ShadowPolicy(percent=20.0, requests=50, min_agreement=0.95)
    story = Story()
    story.knows(policy=replace(POLICY, shadow=shadow))
    story.to_canary()
    story.counted(0, agreed=40, disagreed=disagreed)
    assert story.go() == []
    story.counted(0, agreed=50 - disagreed, disagreed=disagreed)
    assert story.go() == ends
    if disagreed == 3:
        assert "3 of 50 copied requests were answered differently" in story.reason(2)


def test_a_promoted_version_that_does_not_load_beside_the_others_is_rolled_back():
    """Its own server proved it; the main one still has to take it."""
    story = Story()
    story.knows(policy=APART)
    story.to_canary()
    for step in (1, 2):
        story.wait(10.0)
        story.counted(30 * step, stable_calls=300 * step)
        story.did(Work.ASK_STEP)
        story.go()
    story.knows(stopped="it does not load: no memory")
    assert story.go() == ["rolled_back"]
    assert story.record.stable == 1


def test_a_version_whose_folder_is_taken_away_meanwhile_ends():
    """Its author does not want it any more."""
    story = Story()
    story.to_canary()
    story.folder(2, None)
    assert story.go() == ["rolled_back", "forgotten"]
    assert 2 not in story.record.versions


def test_a_version_whose_files_change_meanwhile_ends_and_begins_anew():
    """What is tried is what was dropped; the change is another drop."""
    story = Story()
    story.to_canary()
    story.folder(2, whole("other"))
    assert story.go() == ["rolled_back", "detected", "rollout_started"]


def test_a_repository_that_cannot_be_seen_ends_nothing():
    """A network file system that is away has removed no version."""
    story = Story()
    story.to_canary()
    story.knows(folders=None)
    assert story.go() == []


def test_without_a_rollout_there_is_no_next_step():
    """A model rests until something is dropped, or ordered."""
    assert decide(Story().record, Story().facts, 1.0) is None
    record = Story().record
    assert end(record, "nothing to end", 1.0).record is record


def test_a_server_apart_that_dies_while_it_loads_ends_the_rollout():
    """It is not started again: whatever killed it must not go on."""
    story = Story()
    story.knows(policy=APART)
    story.drop(2)
    story.go()
    story.did(Work.STAGE, Result(is_good=True, detail="digest 2"))
    story.go()
    story.did(Work.VERIFY)
    story.did(Work.ASK_PRE_ROLLOUT)
    story.go()
    story.knows(stopped="its tritonserver has died by signal 9")
    assert story.go() == ["rejected"]
    assert "signal 9" in story.reason(2)


def test_a_step_that_makes_no_sense_is_an_error():
    """Records change along the table of phases, and only where a version is under way."""
    with pytest.raises(ValueError, match="no version of model 'm' is under way"):
        promote(Story().record, "", 1.0)
    story = Story()
    story.drop(2)
    story.go()
    with pytest.raises(ValueError, match="detected cannot become promoting"):
        promote(story.record, "", 1.0)


@pytest.mark.parametrize("bring", [Story.to_canary, Story.to_baking])
def test_a_version_that_cannot_be_loaded_a_second_time_is_rolled_back(bring):
    """It was loaded once; a tritonserver that is started anew has to have it too."""
    story = Story()
    bring(story)
    story.knows(ready=frozenset({1}))
    story.knows(stopped="it does not load: model.py is missing")
    assert story.go() == ["rolled_back"]
    assert story.reason(2) == "it does not load: model.py is missing"
    assert story.record.stable == 1
