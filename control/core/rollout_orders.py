"""What operators may order of a rollout, and what that changes. Each gives a step, or why not."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from control.core.rollout import Step, end, finish, promote
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.core.rollout_route import is_pin_moved, under_way, waits_for_order

#: A step, or a sentence that says why the order cannot be followed.
Ordered = Step | str

_NOTHING: Final = "no version is being rolled out"
_UNDIVIDED: Final = "its requests cannot be split between versions: promote or rollback"
_TRYING: Final = frozenset({Phase.SHADOWING, Phase.CANARY})
_STEERED: Final = _TRYING | {Phase.PROMOTING}


def other_than(record: ModelRecord, version: int | None) -> str:
    """Say that another version is under way than the one that is meant; empty where none is."""
    current = under_way(record)
    if version is None or current is None or current[0].version == version:
        return ""
    return f"version {current[0].version} is being rolled out, not version {version}"


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
    """Give the version all requests, whatever steps are left. It still bakes.

    One that has baked for its time, and waits for calls that do not come, is made live.
    """

    def change(rollout: Rollout, version: VersionRecord) -> Ordered:
        if version.phase is Phase.PROMOTING:
            return _end_baking(record, rollout, reason, now_s)
        going = replace(record, rollout=replace(rollout, is_paused=False, is_manual=False))
        return promote(going, reason or f"ordered while it was {version.phase.value}", now_s)

    return _ordered(record, _STEERED, change)


def roll_back(record: ModelRecord, reason: str, now_s: float) -> Ordered:
    """Take the version out, in whatever phase it is."""

    def change(_: Rollout, version: VersionRecord) -> Ordered:
        return end(record, reason or f"ordered while it was {version.phase.value}", now_s)

    return _ordered(record, frozenset(Phase), change)


def _end_baking(record: ModelRecord, rollout: Rollout, reason: str, now_s: float) -> Ordered:
    """Make it live without calls that prove it: never at once, by an order that was given twice."""
    number, bake_s = rollout.version, rollout.policy.bake_time_s
    if not is_pin_moved(record):
        return f"version {number} is promoting: it gets all requests as soon as it can answer them"
    left_s = rollout.step_since_s + bake_s - now_s
    if 0.0 < left_s <= bake_s:  # beyond that the clock has been set back
        return (
            f"version {number} is promoting: it gets all requests already, and can be made live"
            f" by this order when it has baked for {bake_s:g} s, in {math.ceil(left_s)} s"
        )
    return finish(record, reason or "ordered while it was baking", now_s)


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
