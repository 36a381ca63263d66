"""Decides what a model's rollout does next: one step at a time, from its record and the facts.

The caller makes the new record durable first and acts on it then. Acting twice does no harm, so
whoever dies in between goes on from the record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from control.core.canary_judge import prove_failing
from control.core.canary_policy import CanaryPolicy, Isolation
from control.core.judge_counts import JudgeCounts
from control.core.rollout_facts import Facts, Work
from control.core.rollout_phases import Phase, may_follow
from control.core.rollout_policy import follow
from control.core.rollout_proof import (
    disagreement_found,
    is_baked,
    is_needed,
    is_shadowed,
    is_step_proved,
)
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.core.rollout_route import is_pin_moved, under_way


@dataclass(frozen=True, slots=True)
class Step:
    """A changed record; ``action`` names the change for the audit trail, ``reason`` why."""

    record: ModelRecord
    action: str
    reason: str


def decide(record: ModelRecord, facts: Facts, now_s: float) -> Step | None:
    """Give the next step of the rollout that is under way; None where there is nothing to do."""
    current = under_way(record)
    if current is None:
        return None
    rollout, version = current
    changed = _gone(record, facts, now_s) or _follow(record, rollout, facts.policy, now_s)
    return changed or _BY_PHASE[version.phase](record, rollout, facts, now_s)


def end(record: ModelRecord, reason: str, now_s: float) -> Step:
    """Take the version under way out; the one before takes over where it had given way."""
    current = under_way(record)
    if current is None:
        return Step(record, "rollout_ended", reason)
    _, version = current
    has_served = version.phase in {Phase.SHADOWING, Phase.CANARY, Phase.PROMOTING}
    phase = Phase.ROLLED_BACK if has_served else Phase.REJECTED
    stable = record.previous if is_pin_moved(record) else record.stable
    before = replace(record, stable=stable, previous=None)
    moved = _moved(before, phase, reason, now_s)
    return Step(replace(moved, rollout=None), phase.value, reason)


def take_back(record: ModelRecord, stopped: str, counts: JudgeCounts, now_s: float) -> Step | None:
    """End a rollout that was stopped, or whose canary is proved to be failing; None if neither.

    Anybody may do that, whoever leads.
    """
    if record.rollout is None:
        return None
    if stopped:
        return end(record, stopped, now_s)
    failing = prove_failing(record.rollout.policy, counts)
    return end(record, failing.reason, now_s) if failing is not None else None


def promote(record: ModelRecord, reason: str, now_s: float) -> Step:
    """Begin to give the version under way all requests, whatever steps are left."""
    moved = _moved(record, Phase.PROMOTING, reason, now_s)
    return Step(moved, Phase.PROMOTING.value, reason)


def finish(record: ModelRecord, reason: str, now_s: float) -> Step:
    """Make the version that has been given all requests live, and retire the one before."""
    moved = _moved(record, Phase.LIVE, reason, now_s)
    versions = dict(moved.versions)
    for number in versions.keys() & {record.previous}:
        versions[number] = replace(
            versions[number],
            phase=Phase.RETIRED,
            reason=f"version {record.stable} has taken its place",
            since_s=now_s,
        )
    done = replace(moved, versions=versions, previous=None, rollout=None)
    return Step(done, Phase.LIVE.value, reason)


def _gone(record: ModelRecord, facts: Facts, now_s: float) -> Step | None:
    """End the rollout of a version whose folder has been taken away, or was changed meanwhile."""
    current = under_way(record)
    if current is None or facts.folders is None or is_pin_moved(record):
        return None
    _, version = current
    folder = facts.folders.get(version.version)
    if folder is None:
        return end(record, "its folder has been removed from the repository", now_s)
    if version.digest and folder.holds_other_than(version.digest):
        return end(record, "its files have been changed while it was being rolled out", now_s)
    return None


def _follow(
    record: ModelRecord, rollout: Rollout, said: CanaryPolicy | None, now_s: float
) -> Step | None:
    """Take over what the version's contract says by now."""
    if said is None:
        return None
    going = follow(rollout, record.versions[rollout.version].phase, said, now_s)
    reason = "its contract has been changed"
    return Step(replace(record, rollout=going), "policy_changed", reason) if going else None


def _detected(record: ModelRecord, rollout: Rollout, facts: Facts, now_s: float) -> Step | None:
    done = facts.done.get(Work.STAGE)
    if done is None:
        return None
    if not done.is_good:
        # With the digest: only other content is worth another look.
        folder = (facts.folders or {}).get(rollout.version)
        version = record.versions[rollout.version]
        seen = replace(version, digest=folder.digest if folder else "")
        return end(_with(record, seen), done.detail, now_s)
    reason = "its files have been copied"
    version = record.versions[rollout.version]
    copied = replace(version, digest=done.detail, model_digest=done.model_digest)
    moved = _moved(_with(record, copied), Phase.STAGED, reason, now_s)
    return Step(moved, Phase.STAGED.value, reason)


def _staged(record: ModelRecord, _: Rollout, facts: Facts, now_s: float) -> Step | None:
    if not facts.has_slot:
        return None
    reason = "it is tried in a tritonserver of its own"
    return Step(_moved(record, Phase.VERIFYING, reason, now_s), Phase.VERIFYING.value, reason)


def _verifying(record: ModelRecord, rollout: Rollout, facts: Facts, now_s: float) -> Step | None:
    done = facts.done.get(Work.VERIFY)
    if done is None:
        return None
    if not done.is_good:
        return end(record, done.detail, now_s)
    asked = facts.done.get(Work.ASK_PRE_ROLLOUT)
    if asked is None:
        return None
    if not asked.is_good:
        return end(record, asked.detail, now_s)
    if rollout.version in facts.loaded:
        return None  # from an attempt before, perhaps with other files: that is unloaded first
    reason = done.detail or "it has passed verification"
    return Step(_moved(record, Phase.LOADING, reason, now_s), Phase.LOADING.value, reason)


def _loading(record: ModelRecord, rollout: Rollout, facts: Facts, now_s: float) -> Step | None:
    failing = _failing(record, facts, now_s)
    if failing is not None:
        return failing
    apart = rollout.isolation is Isolation.OWN_SERVER
    if rollout.version not in (facts.ready_apart if apart else facts.ready):
        return None
    if record.stable is None:
        return _first_version(record, rollout, now_s)
    if not facts.can_be_split:
        return _wait_for_order(record, rollout, now_s)
    shadow = rollout.policy.shadow
    if shadow.is_on:
        reason = f"it gets copies of {shadow.percent:g} % of the requests"
        return Step(_moved(record, Phase.SHADOWING, reason, now_s), Phase.SHADOWING.value, reason)
    return _take_step(record, rollout, 0, now_s)


def _wait_for_order(record: ModelRecord, rollout: Rollout, now_s: float) -> Step:
    reason = "its requests cannot be split between versions: it waits for promote or rollback"
    held = replace(rollout, is_paused=True, step_since_s=now_s)
    moved = _moved(replace(record, rollout=held), Phase.CANARY, reason, now_s)
    return Step(moved, Phase.CANARY.value, reason)


def _first_version(record: ModelRecord, rollout: Rollout, now_s: float) -> Step:
    reason = "it is the model's first version"
    served = replace(record, stable=rollout.version)
    moved = _moved(served, Phase.LIVE, reason, now_s)
    return Step(replace(moved, rollout=None), Phase.LIVE.value, reason)


def _shadowing(record: ModelRecord, rollout: Rollout, facts: Facts, now_s: float) -> Step | None:
    failing = _failing(record, facts, now_s)
    if failing is not None or rollout.is_paused:
        return failing
    if is_needed(rollout, facts):
        return promote(record, facts.alone, now_s)
    if not is_shadowed(rollout, facts):
        return None
    found = disagreement_found(rollout, facts)
    return end(record, found, now_s) if found else _take_step(record, rollout, 0, now_s)


def _canary(record: ModelRecord, rollout: Rollout, facts: Facts, now_s: float) -> Step | None:
    failing = _failing(record, facts, now_s)
    if failing is None and is_needed(rollout, facts):
        return promote(record, facts.alone, now_s)
    if failing is not None or not is_step_proved(rollout, facts):
        return failing
    asked = facts.done.get(Work.ASK_STEP)
    if asked is None or not asked.is_good:
        return None
    following = rollout.step + 1
    if following < len(rollout.policy.weights):
        return _take_step(record, rollout, following, now_s)
    reason = f"{facts.counts.calls} calls at up to {rollout.weight:g} % were good"
    return promote(record, reason, now_s)


def _promoting(record: ModelRecord, rollout: Rollout, facts: Facts, now_s: float) -> Step | None:
    failing = _failing(record, facts, now_s)
    if failing is not None or rollout.version not in facts.ready:
        return failing
    if not is_pin_moved(record):
        return _move_pin(record, rollout, now_s)
    reason = facts.alone or "it has proved itself"
    return finish(record, reason, now_s) if is_baked(rollout, facts) else None


def _move_pin(record: ModelRecord, rollout: Rollout, now_s: float) -> Step:
    reason = f"it gets all requests; version {record.stable} stays loaded meanwhile"
    baking = replace(rollout, weight=100.0, is_manual=False, step_since_s=now_s)
    pinned = replace(record, stable=rollout.version, previous=record.stable, rollout=baking)
    return Step(_noted(pinned, reason), "pin_moved", reason)


def _failing(record: ModelRecord, facts: Facts, now_s: float) -> Step | None:
    return take_back(record, facts.stopped, facts.counts, now_s)


def _take_step(record: ModelRecord, rollout: Rollout, step: int, now_s: float) -> Step:
    weight = rollout.policy.weights[step]
    reason = f"it answers {weight:g} % of the requests"
    stepped = replace(rollout, step=step, weight=weight, step_since_s=now_s)
    changed = replace(record, rollout=stepped)
    if record.versions[rollout.version].phase is Phase.CANARY:
        return Step(_noted(changed, reason), "canary_weight", reason)
    moved = _moved(changed, Phase.CANARY, reason, now_s)
    return Step(moved, Phase.CANARY.value, reason)


def _moved(record: ModelRecord, phase: Phase, reason: str, now_s: float) -> ModelRecord:
    """Put the version under way into another phase."""
    version = _version_of(record)
    if not may_follow(version.phase, phase):
        message = f"a version that is {version.phase.value} cannot become {phase.value}"
        raise ValueError(message)
    return _with(record, replace(version, phase=phase, reason=reason, since_s=now_s))


def _noted(record: ModelRecord, reason: str) -> ModelRecord:
    return _with(record, replace(_version_of(record), reason=reason))


def _version_of(record: ModelRecord) -> VersionRecord:
    current = under_way(record)
    if current is None:
        message = f"no version of model '{record.model}' is under way"
        raise ValueError(message)
    return current[1]


def _with(record: ModelRecord, version: VersionRecord) -> ModelRecord:
    return replace(record, versions={**record.versions, version.version: version})


_BY_PHASE: Final[Mapping[Phase, Callable[[ModelRecord, Rollout, Facts, float], Step | None]]] = {
    Phase.DETECTED: _detected,
    Phase.STAGED: _staged,
    Phase.VERIFYING: _verifying,
    Phase.LOADING: _loading,
    Phase.SHADOWING: _shadowing,
    Phase.CANARY: _canary,
    Phase.PROMOTING: _promoting,
}
