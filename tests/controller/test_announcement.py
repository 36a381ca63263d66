"""What is told of a step."""

from dataclasses import replace

from control.controller.announcement import announcements
from control.core.canary_policy import Isolation
from control.core.rollout import Step
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord


def record(weight: float | None, **phases: Phase) -> ModelRecord:
    """A model with versions ``v1``, ``v2`` ...; the second is tried at ``weight`` percent."""
    versions = {
        int(name[1:]): VersionRecord(int(name[1:]), phase, f"{name} is {phase.value}", 0.0)
        for name, phase in phases.items()
    }
    rollout = Rollout("r1", 2, 1, Isolation.SAME_SERVER, 0.0, weight=weight or 0.0)
    stable = 2 if weight == 100.0 else 1
    return ModelRecord("m", 1, stable, None, versions, None if weight is None else rollout)


def told(before: ModelRecord | None, after: ModelRecord, reason: str = "why"):
    """Version, phase, weight, reason and rollout of each announcement."""
    return [
        (one.version, one.phase, one.weight, one.reason, one.rollout)
        for one in announcements(before, Step(after, "action", reason), 7.0)
    ]


def test_a_new_model_is_told_whole():
    """Each of its versions has come into a phase."""
    assert told(None, record(None, v1=Phase.LIVE)) == [(1, Phase.LIVE, 100.0, "v1 is live", "")]


def test_a_new_phase_is_told_with_the_reason_of_the_step():
    """Only of the version that has changed."""
    before = record(0.0, v1=Phase.LIVE, v2=Phase.LOADING)
    after = record(5.0, v1=Phase.LIVE, v2=Phase.CANARY)
    assert told(before, after) == [(2, Phase.CANARY, 5.0, "why", "r1")]
    assert told(before, after, "") == [(2, Phase.CANARY, 5.0, "v2 is canary", "r1")]


def test_a_new_weight_is_told_once():
    """Of the canary; what stable has left follows from it."""
    before = record(5.0, v1=Phase.LIVE, v2=Phase.CANARY)
    after = record(20.0, v1=Phase.LIVE, v2=Phase.CANARY)
    assert told(before, after) == [(2, Phase.CANARY, 20.0, "why", "r1")]


def test_what_changes_nothing_for_requests_is_not_told():
    """A pause, a verdict."""
    before = record(5.0, v1=Phase.LIVE, v2=Phase.CANARY)
    assert before.rollout is not None
    after = replace(before, revision=2, rollout=replace(before.rollout, is_paused=True))
    assert told(before, after) == []


def test_an_end_is_told_of_both_versions():
    """The attempt still has its name when it is over."""
    before = record(100.0, v1=Phase.LIVE, v2=Phase.PROMOTING)
    after = replace(record(None, v1=Phase.RETIRED, v2=Phase.LIVE), stable=2)
    assert told(before, after) == [
        (1, Phase.RETIRED, 0.0, "v1 is retired", ""),
        (2, Phase.LIVE, 100.0, "why", "r1"),
    ]


def test_a_rollback_leaves_no_weight():
    """From the moment on that it is told."""
    before = record(20.0, v1=Phase.LIVE, v2=Phase.CANARY)
    after = record(None, v1=Phase.LIVE, v2=Phase.ROLLED_BACK)
    assert told(before, after) == [(2, Phase.ROLLED_BACK, 0.0, "why", "r1")]


def test_the_moment_is_told_to_the_millisecond():
    """In UTC, as the rest of the API writes times."""
    (one,) = announcements(None, Step(record(None, v1=Phase.LIVE), "", ""), 1.25)
    assert one.as_event()["at"] == "1970-01-01T00:00:01.250Z"
