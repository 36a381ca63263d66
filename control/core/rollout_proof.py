"""Decides whether a version has shown what it had to where it stands, so that it may go on."""

from control.core.canary_judge import judge
from control.core.judge_counts import Verdict
from control.core.judge_criteria import agreement
from control.core.rollout_facts import Facts
from control.core.rollout_record import Rollout


def is_step_proved(rollout: Rollout, facts: Facts) -> bool:
    """Whether the canary has done well at its present weight, for long and often enough."""
    if rollout.is_paused or rollout.is_manual:
        return False
    return facts.step.lasted_s >= rollout.policy.interval_s and _has_done_well(rollout, facts)


def is_baked(rollout: Rollout, facts: Facts) -> bool:
    """Whether the version has done well with all requests, for long and often enough."""
    if rollout.is_paused or facts.step.lasted_s < rollout.policy.bake_time_s:
        return False
    # Where requests cannot be split, none reach it before it is live. Where it is alone, nobody is
    # there to judge it beside, or to answer in its place.
    return not facts.can_be_split or bool(facts.alone) or _has_done_well(rollout, facts)


def is_needed(rollout: Rollout, facts: Facts) -> bool:
    """Whether the version has to take over before it is proved: what is live does not load."""
    return bool(facts.alone) and not rollout.is_paused and not rollout.is_manual


def is_shadowed(rollout: Rollout, facts: Facts) -> bool:
    """Whether all copies have been compared that were asked for."""
    shadow, counts = rollout.policy.shadow, facts.counts
    return not shadow.is_on or counts.agreed + counts.disagreed >= shadow.requests


def disagreement_found(rollout: Rollout, facts: Facts) -> str:
    """Say how many copies were answered otherwise, if more were than may be; empty if not.

    For when all have been compared: no others come, so nobody can wait for a proof.
    """
    agreed, disagreed = facts.counts.agreed, facts.counts.disagreed
    least = rollout.policy.shadow.min_agreement
    if not disagreed or agreed / (agreed + disagreed) >= least:
        return ""
    return agreement(rollout.policy, facts.counts).findings


def _has_done_well(rollout: Rollout, facts: Facts) -> bool:
    """Whether calls say so: no traffic is not health."""
    return (
        facts.step.calls >= rollout.policy.minimum_samples
        and judge(rollout.policy, facts.counts).verdict is Verdict.PASSING
    )
