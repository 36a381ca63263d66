"""What is said of a canary, from counts and call by call."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_judge import CanaryEnd, JudgeCounts, LiveJudge, Verdict, judge
from control.core.canary_policy import CanaryPolicy, JudgePolicy, ShadowPolicy

POLICY = CanaryPolicy()
TIMED = replace(POLICY, judge=JudgePolicy(max_duration_s=0.1, max_duration_ratio=1.5))
SHADOWED = replace(POLICY, shadow=ShadowPolicy(percent=10.0, min_agreement=0.9))
FAST_S, SLOW_S = 0.01, 1.0

#: What happens, and how long it takes.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["stable", "stable failed", "agreed", "disagreed", *CanaryEnd]),
        st.sampled_from([FAST_S, SLOW_S]),
    ),
    max_size=150,
)


class Gateway:
    """A judge that is told of calls, ten a second."""

    def __init__(self, policy: CanaryPolicy = POLICY) -> None:
        """Begin with no call."""
        self.live = LiveJudge(policy)
        self._now_s = 0.0

    def stable(self, calls: int = 1, *, failed: bool = False, duration_s: float = FAST_S) -> None:
        """Let calls of stable end."""
        for _ in range(calls):
            self.live.stable_ended(failed=failed, duration_s=duration_s)

    def canary(self, end: CanaryEnd, calls: int = 1, duration_s: float = FAST_S) -> None:
        """Let calls of the canary end."""
        for _ in range(calls):
            self._now_s += 0.1
            assert self.live.canary_ended(end, duration_s, self._now_s) is self.live.failing

    def happens(self, event: str | CanaryEnd, duration_s: float) -> None:
        """Let something happen."""
        if isinstance(event, CanaryEnd):
            self.canary(event, duration_s=duration_s)
        elif event.startswith("stable"):
            self.stable(failed=event != "stable", duration_s=duration_s)
        else:
            assert self.live.compared(agreed=event == "agreed") is self.live.failing

    @property
    def reason(self) -> str:
        """Why it is failing."""
        assert self.live.failing is not None
        return self.live.failing.reason


def good_gateway(policy: CanaryPolicy = POLICY) -> Gateway:
    """A gateway with a hundred good calls of both."""
    gateway = Gateway(policy)
    for _ in range(100):
        gateway.stable(4)
        gateway.canary(CanaryEnd.SUCCESS)
    return gateway


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


@pytest.mark.parametrize(
    ("counts", "verdict", "reason"),
    [
        (JudgeCounts(), Verdict.INCONCLUSIVE, "0 of 30 calls judged"),
        (JudgeCounts(calls=29), Verdict.INCONCLUSIVE, "29 of 30 calls judged"),
        (
            JudgeCounts(calls=30, stable_calls=300),
            Verdict.PASSING,
            "0 of 30 calls failed that stable answers rightly",
        ),
        (
            JudgeCounts(calls=50, failures=3, stable_calls=300),
            Verdict.INCONCLUSIVE,
            (
                "3 of 50 calls failed that stable answers rightly, where 1 % may: "
                "it may still be chance"
            ),
        ),
        (
            JudgeCounts(calls=50, failures=3, stable_calls=300, stable_failures=18),
            Verdict.PASSING,
            "3 of 50 calls failed that stable answers rightly",
        ),
        (
            JudgeCounts(calls=60, failures=8, stable_calls=300, stable_failures=6),
            Verdict.INCONCLUSIVE,
            (
                "8 of 60 calls failed that stable answers rightly, where 2 % may, as many as of "
                "stable: it may still be chance"
            ),
        ),
        (
            JudgeCounts(calls=40, failures=20, stable_calls=1000),
            Verdict.FAILING,
            (
                "20 of 40 calls failed that stable answers rightly, where 1 % may: at most one in "
                "1 000 000 good versions looks so bad"
            ),
        ),
        (
            JudgeCounts(calls=40, timed=30, over_stable=7, stable_calls=300, stable_timed=280),
            Verdict.INCONCLUSIVE,
            (
                "7 of 30 calls took longer than 1.5 times stable's 90th percentile, "
                "where 10 % may: it may still be chance"
            ),
        ),
        (
            JudgeCounts(calls=40, timed=30, over_stable=5, stable_calls=300, stable_timed=280),
            Verdict.PASSING,
            (
                "0 of 40 calls failed that stable answers rightly; "
                "5 of 30 calls took longer than 1.5 times stable's 90th percentile"
            ),
        ),
    ],
)
def test_counts_have_a_verdict(counts: JudgeCounts, verdict: Verdict, reason: str) -> None:
    """Each says with the numbers what is known, what is missing, or what is not proved yet."""
    found = judge(POLICY, counts)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_no_calls_are_never_enough() -> None:
    """No traffic is no health, even if the policy asks for no samples."""
    assert judge(replace(POLICY, minimum_samples=0), JudgeCounts()).verdict is Verdict.INCONCLUSIVE


@given(EVENTS, st.sampled_from([POLICY, TIMED, SHADOWED]))
def test_what_the_judge_says_follows_from_what_it_counted(
    events: list[tuple[str | CanaryEnd, float]], policy: CanaryPolicy
) -> None:
    """Never failing without anything bad; never passing with too few; failing for good."""
    gateway, first = Gateway(policy), None
    for event, duration_s in events:
        gateway.happens(event, duration_s)
        first = first or gateway.live.failing
        assert gateway.live.failing is first
    counts = gateway.live.counts
    found = judge(policy, counts)
    bad = counts.crashes + counts.failures + counts.over_max + counts.over_stable
    if found.verdict is Verdict.FAILING or first is not None:
        assert bad + counts.disagreed > 0
    if found.verdict is Verdict.PASSING:
        assert counts.calls >= policy.minimum_samples
    judged = {CanaryEnd.SUCCESS, CanaryEnd.FAILURE, CanaryEnd.CRASH}
    assert counts.calls == sum(event in judged for event, _ in events)
    assert counts.over_max <= counts.clocked
    assert counts.over_stable <= counts.timed <= counts.clocked <= counts.calls


COUNTS = EVENTS.map(
    lambda events: [gateway := Gateway(TIMED), *(gateway.happens(*one) for one in events)][0]
).map(lambda gateway: gateway.live.counts)


@given(COUNTS, COUNTS, COUNTS)
def test_pooling_knows_no_order(one: JudgeCounts, other: JudgeCounts, third: JudgeCounts) -> None:
    """It does not matter which gateway is heard first, and nothing pooled changes nothing."""
    left, right = (one + other) + third, one + (other + third)
    assert left.failure_evidence == pytest.approx(right.failure_evidence)
    none: tuple[float, ...] = ()
    assert replace(left, failure_evidence=none) == replace(right, failure_evidence=none)
    assert one + JudgeCounts() == JudgeCounts() + one == one


def test_gateways_together_see_what_none_sees_alone() -> None:
    """Two failures in each of two gateways are proof when they are pooled."""
    gateways = [Gateway(), Gateway()]
    for gateway in gateways:
        gateway.stable(40)
        gateway.canary(CanaryEnd.FAILURE, 2)
        assert gateway.live.failing is None
    one, other = (gateway.live.counts for gateway in gateways)
    assert judge(POLICY, one + other).verdict is Verdict.FAILING


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
