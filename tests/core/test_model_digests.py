"""What may lie beside a version in its model's folder: what it was verified with, and no more."""

from dataclasses import replace

from control.core.rollout_begin import adopt, begin
from control.core.rollout_facts import Result, Work
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, VersionRecord
from control.core.rollout_route import model_digests
from tests.core.rollout_story import POLICY, Story


def record_of(*versions: VersionRecord) -> ModelRecord:
    """A record of these versions, of which the second is live."""
    return ModelRecord("m", stable=2, versions={one.version: one for one in versions})


def version(number: int, phase: Phase, since_s: float, digest: str) -> VersionRecord:
    """A version whose model had files of this digest."""
    return VersionRecord(number, phase, "", since_s, str(number), model_digest=digest)


def test_a_live_version_may_have_the_files_of_whatever_was_verified_with_it():
    """A canary that was rolled back leaves its config; one before its time, or rejected, none."""
    record = record_of(
        version(1, Phase.RETIRED, 9.0, "retired"),
        version(2, Phase.LIVE, 5.0, "own"),
        version(3, Phase.ROLLED_BACK, 4.0, "before"),
        version(4, Phase.ROLLED_BACK, 6.0, "rolled back"),
        version(5, Phase.REJECTED, 7.0, "rejected"),
        version(6, Phase.VERIFYING, 8.0, "verifying"),
        version(7, Phase.CANARY, 8.0, "canary"),
    )
    assert model_digests(record, 2) == {"own", "rolled back", "canary"}


def test_a_version_under_way_may_have_its_own_alone():
    """Nothing has been verified with it yet."""
    record = record_of(version(2, Phase.LIVE, 5.0, "live"), version(3, Phase.LOADING, 6.0, "own"))
    assert model_digests(record, 3) == {"own"}


def test_of_a_version_whose_models_files_are_not_known_anything_may_lie_there():
    """It was never copied."""
    record = record_of(version(2, Phase.LIVE, 5.0, ""), version(3, Phase.CANARY, 6.0, "other"))
    assert model_digests(record, 2) == set()


def test_the_digest_is_that_of_what_was_copied_last():
    """An attempt begins without that of the one before."""
    story = Story()
    story.drop(2)
    story.go()
    story.did(Work.STAGE, Result(is_good=True, detail="digest 2", model_digest="beside"))
    story.go()
    staged = story.record.versions[2]
    assert (staged.digest, staged.model_digest) == ("digest 2", "beside")
    ended = replace(
        story.record,
        rollout=None,
        versions={**story.record.versions, 2: replace(staged, phase=Phase.REJECTED)},
    )
    anew = begin(ended, 2, POLICY, "again", 9.0).record.versions[2]
    assert (anew.digest, anew.model_digest) == ("", "")


def test_what_is_adopted_has_the_digest_of_its_model():
    """All versions of a model have the same files beside them."""
    record = adopt("m", {1: "one", 2: "two"}, (3,), 5.0, "beside")
    assert {n: one.model_digest for n, one in record.versions.items()} == {
        1: "beside",
        2: "beside",
        3: "",
    }
