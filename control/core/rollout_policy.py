"""Decides what a contract that changes during a rollout means for it."""

from bisect import bisect_right
from dataclasses import replace
from typing import Final

from control.core.canary_policy import CanaryPolicy, Isolation
from control.core.rollout_phases import Phase
from control.core.rollout_record import Rollout

_NOT_LOADED: Final = frozenset({Phase.DETECTED, Phase.STAGED, Phase.VERIFYING})


def isolation_of(stable: int | None, wanted: Isolation) -> Isolation:
    """Say where a version runs while it is tried; ``stable`` is what it is measured against.

    A model's first version is not tried out: it is served as soon as it is loaded, and that has to
    be where it stays.
    """
    return Isolation.SAME_SERVER if stable is None else wanted


def follow(rollout: Rollout, phase: Phase, said: CanaryPolicy, now_s: float) -> Rollout | None:
    """Give the rollout by another policy; None where it is the same.

    Where it is loaded it goes on running. A canary gets the greatest of the new weights that it has
    reached already, or the first: it is never promoted only because the list is a shorter one.
    """
    is_apart = phase in _NOT_LOADED and said.isolation is Isolation.OWN_SERVER
    going_on = Isolation.OWN_SERVER if is_apart else rollout.isolation
    isolation = isolation_of(rollout.stable, going_on)
    policy = replace(said, isolation=isolation)
    if policy == rollout.policy:
        return None
    weights, last = policy.weights, len(policy.weights) - 1
    going = replace(rollout, policy=policy, isolation=isolation, step=min(rollout.step, last))
    if phase is not Phase.CANARY or rollout.is_manual or not rollout.weight:
        return going
    step = max(0, bisect_right(weights, rollout.weight) - 1)
    if weights[step] == rollout.weight:
        return replace(going, step=step)
    return replace(going, step=step, weight=weights[step], step_since_s=now_s)
