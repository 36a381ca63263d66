"""What a canary is judged by: shares of its calls that are bad in one way, and how many may be."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from control.core.canary_policy import CanaryPolicy
from control.core.judge_counts import JudgeCounts
from control.core.sequential_test import Evidence, evidence_of_counts, strength

#: Of so many calls one may take longer than ``max_duration_s``.
MAY_BE_OVER_MAX: Final = 0.01
#: Stable's 90th percentile is what a tenth of its calls exceed.
MAY_BE_OVER_STABLE: Final = 0.1
#: Where both fail on a share f of the calls, f (1 - f) of them fail and are then answered rightly
#: by stable, and f * f are not judged: f / (1 + f) of those that are, so half of them at most.
FAILURES_BY_CHANCE: Final = 0.5

_MOST_UNLUCKY: Final = 1_000_000
_LEAST_ERROR_RATE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Criterion:
    """One way to be bad. ``limit`` is the share that may be, or stable's, if that is more."""

    bad_means: str
    limit: float
    calls: int
    bad: int
    stable_calls: int = 0
    stable_bad: int = 0
    evidence: Evidence = ()
    by_chance: float = 1.0

    @property
    def strength(self) -> float:
        """The logarithm of the evidence that more are bad than may be."""
        if not self.bad:
            return 0.0
        if self.evidence:
            return strength(self.evidence)
        return strength(evidence_of_counts(self.limit, self.calls, self.bad, self.by_chance))

    @property
    def is_in_range(self) -> bool:
        """Whether no more are bad than may be, give or take two standard deviations.

        Without these a version just like stable would often wait for long: half the time chance
        puts it on the wrong side.
        """
        share, calls = self._allowed, self.calls
        spread = calls * share * (1.0 - share)
        if share > self.limit:  # stable's share is no better known than the canary's
            spread *= 1.0 + calls / self.stable_calls
        return self.bad <= calls * share + 2.0 * sqrt(spread)

    @property
    def findings(self) -> str:
        """What was counted, and what may be."""
        may = f"{100 * self._allowed:.3g} % may"
        as_stable = ", as many as of stable" if self._allowed > self.limit else ""
        return f"{self.counted}, where {may}{as_stable}"

    @property
    def counted(self) -> str:
        """What was counted."""
        return f"{self.bad} of {self.calls} {self.bad_means}"

    @property
    def proof(self) -> str:
        """What was counted, what may be, and how unlikely a good version is to look like that."""
        once_in = exp(min(self.strength, log(_MOST_UNLUCKY)))
        rounded = f"{float(f'{once_in:.2g}'):,.0f}".replace(",", " ")
        return f"{self.findings}: at most one in {rounded} good versions looks so bad"

    @property
    def _allowed(self) -> float:
        if not self.stable_calls:
            return self.limit
        return max(self.limit, self.stable_bad / self.stable_calls)


def criteria(policy: CanaryPolicy, counts: JudgeCounts) -> Iterator[Criterion]:
    """Give all that the policy asks for, with what has been counted."""
    yield from criteria_of_calls(policy, counts)
    if policy.shadow.min_agreement > 0.0:
        yield agreement(policy, counts)


def criteria_of_calls(policy: CanaryPolicy, counts: JudgeCounts) -> Iterator[Criterion]:
    """Give those for the requests that it answers."""
    judge = policy.judge
    yield Criterion(
        "calls failed that stable answers rightly",
        judge.max_failure_rate,
        counts.calls,
        counts.failures,
        counts.stable_calls,
        counts.stable_failures,
        counts.failure_evidence,
        FAILURES_BY_CHANCE,
    )
    if judge.max_duration_s is not None:
        yield Criterion(
            f"calls took longer than {judge.max_duration_s:g} s",
            MAY_BE_OVER_MAX,
            counts.clocked,
            counts.over_max,
            counts.stable_clocked,
            counts.stable_over_max,
            counts.over_max_evidence,
        )
    if judge.max_duration_ratio is not None:
        yield Criterion(
            f"calls took longer than {judge.max_duration_ratio:g} times stable's 90th percentile",
            MAY_BE_OVER_STABLE,
            counts.timed,
            counts.over_stable,
            counts.stable_timed,
            counts.stable_over_stable,
            counts.over_stable_evidence,
        )


def agreement(policy: CanaryPolicy, counts: JudgeCounts) -> Criterion:
    """Give the one for the copies that it got before."""
    limit = 1.0 - policy.shadow.min_agreement
    compared = counts.agreed + counts.disagreed
    what = "copied requests were answered differently"
    # Nothing of stable can be compared: it is what is compared with.
    return Criterion(what, limit, compared, counts.disagreed, by_chance=limit)


def proof_at(policy: CanaryPolicy) -> float:
    """Give the strength at which one criterion is proof: all together may err at the error rate."""
    asked = sum(1 for _ in criteria(policy, JudgeCounts()))
    return log(asked / max(policy.judge.error_rate, _LEAST_ERROR_RATE))
