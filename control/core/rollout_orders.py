"""What operators may order of a rollout, and what that changes. Each gives a step, or why not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from control.core.rollout import Step, end, promote
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.core.rollout_route import under_way, waits_for_order

#: A step, or a sentence that says why the order cannot be followed.
Ordered = Step | str

_NOTHING: Final = "no version is being rolled out"
_UNDIVIDED: Final = "its requests cannot be split between versions: promote or rollback"
_TRYING: Final = frozenset({Phase.SHADOWING, Phase.CANARY})
_STEERED: Final = _TRYING | {Phase.PROMOTING}


def pause(record: ModelRecord, reason: str) -> Ordered:
    """Let the rollout stand where it is; a bad version is still rolled back."""

    def change(rollout: Rollout, _: VersionRecord) -> Ordered:
        if rollout.is_paused:
            return f"the rollout of version {rollout.version} is paused already"
        return _steered(record, replace(rollout, is_paused=True), "rollout_paused", reason)

    return _ordered(record, _STEERED, change)


def resume(record: ModelRecord, reason: str, now_s: float) -> Ordered:
    """Go on by the policy's steps; the present one begins anew, with its weight."""

    def change(rollout: Rollout, version: VersionRecord) -> Ordered:
        if waits_for_order(rollout, version):
            return f"version {version.version}: {_UNDIVIDED}"
        if not rollout.is_paused and not rollout.is_manual:
            return f"the rollout of version {rollout.version} is not paused"
        is_canary = version.phase is Phase.CANARY
        weight = rollout.policy.weights[rollout.step] if is_canary else rollout.weight
        going = replace(
            rollout, is_paused=False, is_manual=False, weight=weight, step_since_s=now_s
        )
        return _steered(record, going, "rollout_resumed", reason)

    return _ordered(record, _STEERED, change)


def set_weight(record: ModelRecord, weight: float, reason: str) -> Ordered:
    """Give the canary this percent of the requests, and no steps until ``resume``."""

    def change(rollout: Rollout, version: VersionRecord) -> Ordered:
        if version.phase is not Phase.CANARY:
            return f"version {version.version} is {version.phase.value}: only a canary has a weight"
        if waits_for_order(rollout, version):
            return f"version {version.version}: {_UNDIVIDED}"
        weighted = replace(rollout, weight=weight, is_manual=True)
        return _steered(record, weighted, "canary_weight_ordered", reason)

    return _ordered(record, _TRYING, change)


def promote_now(record: ModelRecord, reason: str, now_s: float) -> Ordered:
    """Give the version all requests, whatever steps are left. It still bakes."""

    def change(rollout: Rollout, version: VersionRecord) -> Ordered:
        going = replace(record, rollout=replace(rollout, is_paused=False, is_manual=False))
        return promote(going, reason or f"ordered while it was {version.phase.value}", now_s)

    return _ordered(record, _TRYING, change)


def roll_back(record: ModelRecord, reason: str, now_s: float) -> Ordered:
    """Take the version out, in whatever phase it is."""

    def change(_: Rollout, version: VersionRecord) -> Ordered:
        return end(record, reason or f"ordered while it was {version.phase.value}", now_s)

    return _ordered(record, frozenset(Phase), change)


def _ordered(
    record: ModelRecord,
    phases: frozenset[Phase],
    change: Callable[[Rollout, VersionRecord], Ordered],
) -> Ordered:
    current = under_way(record)
    if current is None:
        return _NOTHING
    rollout, version = current
    if version.phase not in phases:
        has_all = version.phase is Phase.PROMOTING
        why = "it gets all requests already" if has_all else "it has no traffic yet"
        return f"version {version.version} is {version.phase.value}: {why}"
    return change(rollout, version)


def _steered(record: ModelRecord, rollout: Rollout, action: str, reason: str) -> Step:
    return Step(replace(record, rollout=rollout), action, reason)
