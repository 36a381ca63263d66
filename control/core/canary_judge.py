"""Judges a canary by its live outcomes, call by call: it may be stopped at its k-th failure.

How the evidence is weighed is in ``sequential_test``, what is judged in ``judge_criteria``.
"""

from math import inf
from typing import Final

from control.core.canary_policy import CanaryPolicy
from control.core.duration_window import DurationWindow, SamplePace
from control.core.judge_counts import CanaryEnd, JudgeCounts, Judgement, Verdict
from control.core.judge_criteria import (
    FAILURES_BY_CHANCE,
    MAY_BE_OVER_MAX,
    MAY_BE_OVER_STABLE,
    criteria,
    criteria_of_calls,
    proof_at,
)
from control.core.sequential_test import ShareTest

#: Slowness has to last for so many samples.
_LASTING: Final = 10
#: What nobody notices, though it may be long beside a fast model's time.
_SLACK_S: Final = 0.001


def judge(policy: CanaryPolicy, counts: JudgeCounts) -> Judgement:
    """Say what is known, from the counts of all gateways together.

    Copies of requests may prove that it is failing; whether it passes, the calls say that follow.
    """
    failing = prove_failing(policy, counts)
    if failing is not None:
        return failing
    needed = max(1, policy.minimum_samples)
    if counts.calls < needed:
        return Judgement(Verdict.INCONCLUSIVE, f"{counts.calls} of {needed} calls judged")
    seen = list(criteria_of_calls(policy, counts))
    doubts = [one.findings for one in seen if not one.is_in_range]
    if doubts:
        return Judgement(Verdict.INCONCLUSIVE, f"{'; '.join(doubts)}: it may still be chance")
    return Judgement(Verdict.PASSING, "; ".join(one.counted for one in seen if one.calls))


def prove_failing(policy: CanaryPolicy, counts: JudgeCounts) -> Judgement | None:
    """Give why the canary has failed; None where that is not proved."""
    if counts.crashes:
        reason = f"its process died in {counts.crashes} of {counts.calls} calls"
        return Judgement(Verdict.FAILING, reason)
    needed = proof_at(policy)
    proofs = [one.proof for one in criteria(policy, counts) if one.strength >= needed]
    return Judgement(Verdict.FAILING, "; ".join(proofs)) if proofs else None


class LiveJudge:
    """Judges one rollout in one gateway. Once failing, always failing."""

    __slots__ = (
        "_agreed",
        "_batcher_s",
        "_crashes",
        "_disagreed",
        "_failed",
        "_max_s",
        "_over_max",
        "_over_stable",
        "_over_stable_s",
        "_pace",
        "_policy",
        "_ratio",
        "_unconfirmed",
        "_window",
        "failing",
    )

    def __init__(self, policy: CanaryPolicy) -> None:
        """Begin with no call."""
        self._policy = policy
        self._failed = ShareTest(policy.judge.max_failure_rate, FAILURES_BY_CHANCE)
        self._window = DurationWindow()
        self._batcher_s = 0.0
        self._limit_over_max(policy.judge.max_duration_s)
        self._limit_over_stable(policy.judge.max_duration_ratio)
        self._pace = SamplePace()
        self._crashes = self._unconfirmed = 0
        self._agreed = self._disagreed = 0
        #: Why the canary has failed; None while it has not.
        self.failing: Judgement | None = None

    def __repr__(self) -> str:
        """One line for logs and tests."""
        state = "failing" if self.failing else "not failing"
        return f"<LiveJudge {state}: {self._failed.bad} of {self._failed.calls} calls failed>"

    @property
    def counts(self) -> JudgeCounts:
        """What has been counted."""
        failed, over_max, over_stable = self._failed, self._over_max, self._over_stable
        return JudgeCounts(
            calls=failed.calls + self._crashes,
            failures=failed.bad,
            crashes=self._crashes,
            unconfirmed=self._unconfirmed,
            clocked=over_max.calls,
            over_max=over_max.bad,
            timed=over_stable.calls,
            over_stable=over_stable.bad,
            stable_calls=failed.stable_calls,
            stable_failures=failed.stable_bad,
            stable_clocked=over_max.stable_calls,
            stable_over_max=over_max.stable_bad,
            stable_timed=over_stable.stable_calls,
            stable_over_stable=over_stable.stable_bad,
            agreed=self._agreed,
            disagreed=self._disagreed,
            failure_evidence=failed.evidence,
            over_max_evidence=over_max.evidence,
            over_stable_evidence=over_stable.evidence,
        )

    def reconfigure(self, policy: CanaryPolicy) -> None:
        """Go on under another policy with what has been learned; a new limit is judged anew."""
        before, now, self._policy = self._policy.judge, policy.judge, policy
        if now.max_failure_rate != before.max_failure_rate:
            self._failed.restart(now.max_failure_rate)
        if now.max_duration_s != before.max_duration_s:
            self._limit_over_max(now.max_duration_s)
        if now.max_duration_ratio != before.max_duration_ratio:
            self._limit_over_stable(now.max_duration_ratio)

    def excuse_batcher(self, waits_s: float) -> None:
        """Let calls of the canary wait for so long where stable's need not.

        Triton's batcher sends a batch when it is full, or after that time. Most requests are
        stable's, so its batches are soon full, and those of a version just like it are not.
        """
        self._batcher_s = waits_s
        self._over_stable_s = self._too_long_s()

    def stable_ended(self, *, failed: bool, duration_s: float) -> None:
        """Take a call of stable, but none that was made because the canary had failed on it."""
        self._failed.stable_ended(bad=failed)
        if failed:
            return
        self._over_max.stable_ended(bad=duration_s > self._max_s)
        if self._over_stable_s < inf:
            self._over_stable.stable_ended(bad=duration_s > self._over_stable_s)
        self._learn(duration_s)

    def canary_ended(self, end: CanaryEnd, duration_s: float, now_s: float) -> Judgement | None:
        """Take a call of the canary; give the judgement once it is failing.

        ``now_s`` is when the call ended, by any clock that only goes forward.
        """
        if end is CanaryEnd.SUCCESS:
            self._succeeded(duration_s, now_s)
        elif end is CanaryEnd.FAILURE:
            self._failed.canary_ended(bad=True)
            self._judge()
        elif end is CanaryEnd.CRASH:
            self._crashes += 1
            self._judge()
        elif end is CanaryEnd.UNCONFIRMED:
            self._unconfirmed += 1
        return self.failing

    def compared(self, *, agreed: bool) -> Judgement | None:
        """Take a shadow answer; give the judgement once the canary is failing."""
        if agreed:
            self._agreed += 1
        else:
            self._disagreed += 1
            self._judge()
        return self.failing

    def _succeeded(self, duration_s: float, now_s: float) -> None:
        is_stable_heard = self._failed.is_stable_heard
        self._failed.canary_ended(bad=False)
        if not self._pace.takes(now_s):
            return
        is_over_max, is_over_stable = duration_s > self._max_s, False
        self._over_max.canary_ended(bad=is_over_max)
        if is_stable_heard and self._over_stable_s < inf:
            is_over_stable = duration_s > self._over_stable_s
            self._over_stable.canary_ended(bad=is_over_stable)
        if is_over_max or is_over_stable:
            self._judge()

    def _learn(self, duration_s: float) -> None:
        window = self._window
        before_s = window.p90_s
        window.add(duration_s)
        if window.p90_s != before_s:
            self._over_stable_s = self._too_long_s()

    def _too_long_s(self) -> float:
        p90_s = self._window.p90_s
        if p90_s is None:
            return inf
        # Not both: where stable waits as well, that is in its percentile already.
        return max(self._ratio * p90_s, p90_s + self._batcher_s) + _SLACK_S

    def _limit_over_max(self, max_s: float | None) -> None:
        self._max_s = _or_endless(max_s)
        self._over_max = ShareTest(MAY_BE_OVER_MAX, lasting=_LASTING)

    def _limit_over_stable(self, ratio: float | None) -> None:
        self._ratio = _or_endless(ratio)
        self._over_stable = ShareTest(MAY_BE_OVER_STABLE, lasting=_LASTING)
        self._over_stable_s = self._too_long_s()

    def _judge(self) -> None:
        """Only what is bad can be proof, so nothing else is asked for it."""
        if self.failing is None:
            self.failing = prove_failing(self._policy, self.counts)


def _or_endless(limit: float | None) -> float:
    return inf if limit is None else limit
