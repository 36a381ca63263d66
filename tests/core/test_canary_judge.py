"""What is said of a canary, call by call."""

from dataclasses import replace

import numpy as np
import pytest

from control.core.canary_judge import judge
from control.core.canary_policy import JudgePolicy
from control.core.judge_counts import CanaryEnd, JudgeCounts, Verdict
from tests.core.judged_calls import (
    FAST_S,
    POLICY,
    SHADOWED,
    SLOW_S,
    TIMED,
    Gateway,
    good_gateway,
)


def test_a_version_that_always_fails_is_stopped_at_once() -> None:
    """Three failures are enough, and the reason says what was counted and what may be."""
    gateway = Gateway()
    gateway.stable(50)
    gateway.canary(CanaryEnd.FAILURE, 2)
    assert gateway.live.failing is None
    gateway.canary(CanaryEnd.FAILURE)
    assert gateway.reason.startswith(
        "3 of 3 calls failed that stable answers rightly, where 1 % may: at most one in "
    )
    assert gateway.reason.endswith(" good versions looks so bad")


def test_it_stays_failing() -> None:
    """Whatever comes later, the first reason stands."""
    gateway = Gateway()
    gateway.stable(50)
    gateway.canary(CanaryEnd.FAILURE, 3)
    first = gateway.live.failing
    gateway.canary(CanaryEnd.SUCCESS, 1000)
    gateway.canary(CanaryEnd.CRASH)
    assert gateway.live.failing is first
    assert "failing" in repr(gateway.live)


def test_one_crash_is_enough() -> None:
    """A process that has died needs no statistics."""
    gateway = good_gateway()
    gateway.canary(CanaryEnd.CRASH)
    assert gateway.reason == "its process died in 1 of 101 calls"
    assert judge(POLICY, JudgeCounts(calls=101, crashes=1)) == gateway.live.failing


@pytest.mark.parametrize("end", [CanaryEnd.UNCONFIRMED, CanaryEnd.IGNORED])
def test_what_is_nobodys_fault_counts_for_nothing(end: CanaryEnd) -> None:
    """However often a request fails on both, the canary is as good as before."""
    gateway = good_gateway()
    before = judge(POLICY, gateway.live.counts)
    gateway.canary(end, 1000)
    assert judge(POLICY, gateway.live.counts) == before
    assert gateway.live.counts.calls == 100
    assert gateway.live.counts.unconfirmed == 1000 * (end is CanaryEnd.UNCONFIRMED)


def test_a_stable_that_fails_as_often_is_no_worse() -> None:
    """What stable shows over the same time may be, however much it is."""
    gateway = Gateway()
    for _ in range(200):
        gateway.stable(3)
        gateway.stable(failed=True)
        gateway.canary(CanaryEnd.SUCCESS, 3)
        gateway.canary(CanaryEnd.FAILURE)
    assert gateway.live.failing is None
    found = judge(POLICY, gateway.live.counts)
    assert found.verdict is Verdict.PASSING
    assert found.reason.startswith("200 of 800 calls failed")


def test_a_slow_version_is_stopped() -> None:
    """Twice as slow is too slow, once it has lasted; the first calls and a few others are free."""
    gateway = good_gateway()
    for _ in range(60):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=2.0 * FAST_S)
    assert "calls took longer than 1.5 times stable's 90th percentile, where 10 % may" in (
        gateway.reason
    )


@pytest.mark.parametrize(("excused_s", "is_stopped"), [(0.0, True), (0.1, False)])
def test_a_wait_for_a_full_batch_is_no_slowness(excused_s: float, is_stopped: bool) -> None:
    """The batches of stable are full at once, those of the canary never."""
    gateway = good_gateway()
    gateway.live.excuse_batcher(excused_s)
    for _ in range(200):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=0.1 + FAST_S)
    assert (gateway.live.failing is not None) == is_stopped


@pytest.mark.parametrize(("waits_s", "stable_waits_s"), [(0.1, 0.0), (0.005, 0.005), (0.0005, 0.0)])
def test_a_slow_version_does_not_hide_behind_its_batcher(
    waits_s: float, stable_waits_s: float
) -> None:
    """A wait is excused once: where stable has it as well, it is in its percentile already."""
    gateway = good_gateway()
    gateway.live.excuse_batcher(waits_s)
    for _ in range(200):
        gateway.stable(4, duration_s=stable_waits_s + FAST_S)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=waits_s + 2.0 * FAST_S)
    assert gateway.live.failing is not None


def test_a_wait_is_excused_of_calls_that_follow() -> None:
    """A config may come later, and another one after it."""
    gateway = good_gateway()
    gateway.live.excuse_batcher(0.1)
    gateway.live.excuse_batcher(0.0)
    for _ in range(60):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=2.0 * FAST_S)
    assert gateway.live.failing is not None


def test_a_standstill_is_not_slowness() -> None:
    """Calls that are late together have one cause, and it passes."""
    gateway = good_gateway()
    for _ in range(5):
        gateway.canary(CanaryEnd.SUCCESS, 5, duration_s=SLOW_S)
        for _ in range(100):
            gateway.stable(4)
            gateway.canary(CanaryEnd.SUCCESS)
    assert gateway.live.failing is None
    assert gateway.live.counts.over_stable > 0


def test_slow_together_is_no_fault() -> None:
    """A version that is slow while stable is slow is as good as stable."""
    gateway = good_gateway(TIMED)
    for _ in range(300):
        gateway.stable(4, duration_s=SLOW_S)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=SLOW_S)
    assert gateway.live.failing is None


def test_too_long_by_the_clock_is_stopped() -> None:
    """`max_duration_s` holds without any comparison, and names the limit."""
    only = replace(POLICY, judge=JudgePolicy(max_duration_s=0.1, max_duration_ratio=None))
    gateway = good_gateway(only)
    for _ in range(60):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=SLOW_S)
    assert "calls took longer than 0.1 s, where 1 % may" in gateway.reason
    assert gateway.live.counts.timed == 0


def test_without_stable_nothing_is_compared() -> None:
    """Durations are held against stable's only while stable is called."""
    gateway = good_gateway()
    timed = gateway.live.counts.timed
    gateway.canary(CanaryEnd.SUCCESS, 300, duration_s=SLOW_S)
    counts = gateway.live.counts
    assert gateway.live.failing is None
    assert counts.timed - timed <= 20
    assert counts.clocked > counts.timed


def test_without_limits_durations_do_not_matter() -> None:
    """A policy without limits of durations lets a version be as slow as it is."""
    free = replace(POLICY, judge=JudgePolicy(max_duration_ratio=None))
    gateway = good_gateway(free)
    for _ in range(100):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS, duration_s=SLOW_S)
    counts = gateway.live.counts
    assert (gateway.live.failing, counts.timed, counts.over_max) == (None, 0, 0)
    assert judge(free, counts).verdict is Verdict.PASSING


def test_another_policy_goes_on_with_what_is_known() -> None:
    """After the promotion failures are judged by what stable was like; a new limit begins anew."""
    gateway = good_gateway(TIMED)
    baking = replace(POLICY, judge=JudgePolicy(max_duration_ratio=None))
    gateway.live.reconfigure(baking)
    gateway.canary(CanaryEnd.SUCCESS, 20, duration_s=SLOW_S)
    counts = gateway.live.counts
    assert (counts.calls, counts.timed, counts.stable_calls) == (120, 0, 400)
    gateway.canary(CanaryEnd.FAILURE, 3)
    assert gateway.live.failing is None
    gateway.live.reconfigure(replace(baking, judge=replace(baking.judge, max_failure_rate=0.02)))
    assert all(one == 0.0 for one in gateway.live.counts.failure_evidence)
    gateway.canary(CanaryEnd.FAILURE, 10)
    assert "calls failed that stable answers rightly, where 2 % may" in gateway.reason


def test_a_new_limit_is_judged_by_the_calls_that_follow() -> None:
    """Those before were not held against it: they would hide what is seen now."""
    unlimited = replace(POLICY, judge=JudgePolicy(max_duration_ratio=None))
    limited = replace(POLICY, judge=replace(unlimited.judge, max_duration_s=0.1))
    gateway, anew = good_gateway(unlimited), Gateway(limited)
    assert gateway.live.counts.clocked > 0
    gateway.live.reconfigure(limited)
    assert (gateway.live.counts.clocked, gateway.live.counts.stable_clocked) == (0, 0)
    for _ in range(300):
        for one in (gateway, anew):
            one.stable(3)
            one.canary(CanaryEnd.SUCCESS, duration_s=SLOW_S)
    assert anew.live.failing is not None
    assert gateway.live.failing is not None
    found, least = gateway.live.counts, 130
    assert found.over_max == found.clocked >= least
    assert (found.calls, found.stable_clocked) == (400, 900)


def test_disagreement_counts_where_agreement_is_asked_for() -> None:
    """Shadow answers fail a canary only by `min_agreement`."""
    for policy, fails in ((POLICY, False), (SHADOWED, True)):
        gateway = Gateway(policy)
        for _ in range(20):
            gateway.happens("agreed", 0.0)
            gateway.happens("disagreed", 0.0)
        assert (gateway.live.failing is not None) == fails
        assert (gateway.live.counts.agreed, gateway.live.counts.disagreed) == (20, 20)
    assert "copied requests were answered differently, where 10 % may" in gateway.reason


@pytest.mark.parametrize("flakes", [0.0, 0.02, 0.2])
def test_a_version_just_like_stable_is_not_stopped(flakes: float) -> None:
    """Forty rollouts of a version that fails and takes as long as stable: none is stopped."""
    for seed in range(40):
        chance = np.random.default_rng(seed)
        gateway = Gateway(TIMED)
        ends = zip(
            (chance.random(600) < 0.2).tolist(),
            (chance.random((600, 2)) < flakes).tolist(),
            chance.lognormal(np.log(0.02), 0.8, 600).tolist(),
            strict=True,
        )
        for is_canary, (fails, fails_again), duration_s in ends:
            if not is_canary:
                gateway.stable(failed=fails, duration_s=duration_s)
            elif not fails:
                gateway.canary(CanaryEnd.SUCCESS, duration_s=duration_s)
            else:
                gateway.canary(CanaryEnd.UNCONFIRMED if fails_again else CanaryEnd.FAILURE)
        assert gateway.live.failing is None, (seed, gateway.reason)
