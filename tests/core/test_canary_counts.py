"""What is said of a canary by what one gateway, or several together, have counted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_judge import judge
from control.core.canary_policy import CanaryPolicy
from control.core.judge_counts import CanaryEnd, JudgeCounts, Verdict
from tests.core.judged_calls import FAST_S, POLICY, SHADOWED, SLOW_S, TIMED, Gateway

#: What happens, and how long it takes.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["stable", "stable failed", "agreed", "disagreed", *CanaryEnd]),
        st.sampled_from([FAST_S, SLOW_S]),
    ),
    max_size=150,
)


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
            JudgeCounts(calls=40, failures=38, stable_calls=1000),
            Verdict.FAILING,
            (
                "38 of 40 calls failed that stable answers rightly, where 1 % may: at most one in "
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
