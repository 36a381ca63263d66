"""What a change in the repository means for versions that are not under way."""

from dataclasses import replace

import pytest

from control.core.rollout_begin import adopt, begin, may_begin, next_version
from control.core.rollout_facts import DropState, Result, SourceFolder, Work
from control.core.rollout_phases import Phase
from tests.core.rollout_story import POLICY, Story, whole


def test_what_is_served_already_is_adopted():
    """The newest version gets the requests; what the config did not ask for can be started."""
    record = adopt("m", {1: "one", 2: "two"}, (1, 2, 3), 5.0)
    assert record.stable == 2
    assert {n: one.phase for n, one in record.versions.items()} == {
        1: Phase.LIVE,
        2: Phase.LIVE,
        3: Phase.RETIRED,
    }
    assert may_begin(record, 3) == ""


def test_a_folder_that_is_still_written_waits():
    """It is seen at once, and says what it waits for."""
    story = Story()
    story.folder(2, SourceFolder(DropState.WRITING))
    assert story.go() == ["detected"]
    assert "still being written" in story.reason(2)
    story.folder(2, SourceFolder(DropState.BROKEN, reason="weights.bin has another checksum"))
    assert story.go() == ["version_noted"]
    assert "another checksum" in story.reason(2)
    story.drop(2)
    assert story.go() == ["version_noted", "rollout_started"]


def test_drops_are_rolled_out_one_after_the_other():
    """Two at once wait for each other, in the order of their numbers."""
    story = Story()
    story.drop(3)
    story.drop(2)
    story.go()
    assert story.record.rollout.version == 2
    assert (story.phase(2), story.phase(3)) == (Phase.DETECTED, Phase.DETECTED)
    story.did(Work.STAGE, Result(is_good=False, detail="bad"))
    story.go()
    assert story.phase(2) is Phase.REJECTED
    assert story.record.rollout.version == 3


def test_a_version_older_than_the_live_one_waits_for_an_order():
    """Whoever puts an old version back may only want to keep it."""
    story = Story(record=adopt("m", {5: "five"}, (), 0.0))
    story.knows(folders={5: whole("five")})
    story.drop(4)
    assert story.go() == ["detected"]
    assert "only an order starts it" in story.reason(4)
    assert may_begin(story.record, 4) == ""
    assert begin(story.record, 4, POLICY, "x", 1.0).record.rollout.version == 4


def test_a_rejected_version_is_tried_again_only_with_other_content():
    """Touching it is no change."""
    story = Story()
    story.drop(2, "bad content")
    story.go()
    story.did(Work.STAGE, Result(is_good=False, detail="bad"))
    assert story.go() == ["rejected"]
    assert story.go() == []
    story.folder(2, SourceFolder(DropState.WRITING))
    assert story.go() == []
    story.drop(2, "better content")
    assert story.go() == ["detected", "rollout_started"]


@pytest.mark.parametrize("folder", [None, whole(""), whole("as it was")])
def test_a_version_that_ended_unread_is_tried_again_with_other_content(folder):
    """What it held is noted as soon as it is known: an order ended it before it was copied, say."""
    story = Story(record=adopt("m", {1: "one"}, [2], 0.0))
    story.folder(2, SourceFolder(DropState.WRITING))
    assert story.go() == []
    if folder is not None:
        story.folder(2, folder)
        story.go()
    story.drop(2, "as it was")
    story.go()
    assert (story.phase(2), story.record.versions[2].digest) == (Phase.RETIRED, "as it was")
    story.drop(2, "as it was")
    assert story.go() == []
    story.drop(2, "mended")
    assert story.go() == ["detected", "rollout_started"]


def test_changed_files_of_a_live_version_are_reported_and_change_nothing():
    """Versions are immutable; the report goes when the files are as they were."""
    story = Story()
    story.folder(1, SourceFolder(DropState.COMPLETE, "changed"))
    assert story.go() == ["version_noted"]
    assert "Drop the change as a new version" in story.record.versions[1].fault
    assert story.phase(1) is Phase.LIVE
    story.folder(1, whole("one"))
    assert story.go() == ["version_noted"]
    assert story.record.versions[1].fault == ""


def test_a_live_version_outlives_its_folder():
    """It is served from Seawall's own copy, and says so."""
    story = Story()
    story.folder(1, None)
    assert story.go() == ["version_noted"]
    assert "has been removed" in story.record.versions[1].fault
    assert story.record.stable == 1
    story.folder(1, SourceFolder(DropState.WRITING))
    assert story.go() == []


def test_a_waiting_or_ended_version_is_forgotten_with_its_folder():
    """What is gone needs no explanation any more; the audit trail keeps it."""
    story = Story()
    story.folder(2, SourceFolder(DropState.WRITING))
    story.go()
    story.folder(2, None)
    assert story.go() == ["forgotten"]
    assert 2 not in story.record.versions


def test_a_version_that_is_started_while_its_files_are_replaced_is_taken_as_it_comes():
    """What an attempt before has copied says nothing of what this one copies."""
    story = Story()
    story.to_canary()
    story.knows(stopped="bad")
    story.go()
    story.folder(2, SourceFolder(DropState.WRITING))
    story.go()
    story.record = begin(story.record, 2, POLICY, "again", story.now_s).record
    assert story.go() == []
    story.drop(2, "mended")
    assert story.go() == []
    assert (story.phase(2), story.due()) == (Phase.DETECTED, Work.STAGE)
    story.did(Work.STAGE, Result(is_good=True, detail="mended"))
    assert story.go() == ["staged", "verifying"]
    assert story.record.versions[2].digest == "mended"


def test_nothing_begins_beside_a_rollout():
    """A model has one version under way at a time."""
    story = Story()
    story.to_canary()
    story.drop(3)
    story.go()
    assert story.phase(3) is Phase.DETECTED
    assert next_version(story.record, story.facts.folders) is None
    assert "end that first" in may_begin(story.record, 3)


def test_a_version_that_a_record_holds_between_phases_cannot_be_started():
    """Its rollout has gone from the record, by another's hand: that is said, not guessed."""
    story = Story()
    story.to_canary()
    assert "version 2 is canary" in may_begin(replace(story.record, rollout=None), 2)


@pytest.mark.parametrize(("version", "part"), [(1, "live already"), (9, "no version 9")])
def test_an_order_that_makes_no_sense_says_why(version, part):
    """The sentence is what the operator reads."""
    assert part in may_begin(Story().record, version)
