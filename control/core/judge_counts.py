"""What is counted of a canary's calls, and what is said of them."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Final, Self

from control.core.sequential_test import Evidence, add, stronger


class CanaryEnd(Enum):
    """How a call of the canary ended.

    SUCCESS      a right answer.
    FAILURE      it failed or answered wrongly, and stable answered the same request rightly.
    CRASH        its process or its server died of the call, or under it: one is enough.
    UNCONFIRMED  it failed, and so did stable: the request's own fault, or a common cause. It counts
                 for nothing.
    IGNORED      nobody's fault (there was no room, or hardly any time). It counts for nothing.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    CRASH = "crash"
    UNCONFIRMED = "unconfirmed"
    IGNORED = "ignored"


class Verdict(Enum):
    """What is known of a canary.

    PASSING       enough calls, and as good as they have to be.
    INCONCLUSIVE  too few calls, or worse than they have to be, which may still be chance.
    FAILING       it is worse than it may be, and that is proved.
    """

    PASSING = "passing"
    INCONCLUSIVE = "inconclusive"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict; ``reason`` is a sentence with the numbers."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class JudgeCounts:
    """All that one gateway has counted since it first saw the rollout; ``a + b`` pools gateways.

    ``calls``        judged calls of the canary: successes, ``failures`` and ``crashes``.
    ``unconfirmed``  canary calls that failed on stable as well.
    ``clocked``      successes whose duration counts: about five a second, not the first few.
    ``over_max``     of those: longer than ``max_duration_s``.
    ``timed``        of those: at the same time stable was called, so they can be compared.
    ``over_stable``  of those: longer than ``max_duration_ratio`` times stable's 90th percentile.
    ``agreed``, ``disagreed``  shadow answers.

    Those of durations begin anew with their limit. Numbers of stable stand beside:
    ``stable_clocked`` are its successes, ``stable_timed`` those that could be held against its own
    percentile. What the calls prove depends on their order, so it is kept as ``*_evidence``; counts
    without it are judged as if they had all come at once.
    """

    calls: int = 0
    failures: int = 0
    crashes: int = 0
    unconfirmed: int = 0
    clocked: int = 0
    over_max: int = 0
    timed: int = 0
    over_stable: int = 0
    stable_calls: int = 0
    stable_failures: int = 0
    stable_clocked: int = 0
    stable_over_max: int = 0
    stable_timed: int = 0
    stable_over_stable: int = 0
    agreed: int = 0
    disagreed: int = 0
    failure_evidence: Evidence = ()
    over_max_evidence: Evidence = ()
    over_stable_evidence: Evidence = ()

    def __add__(self, other: Self) -> Self:
        """Pool the counts of two gateways.

        Durations at one moment depend on each other, whichever gateway sees them: of what they
        prove the stronger counts, not the sum.
        """
        sums = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return type(self)(
            **sums,
            failure_evidence=add(self.failure_evidence, other.failure_evidence),
            over_max_evidence=stronger(self.over_max_evidence, other.over_max_evidence),
            over_stable_evidence=stronger(self.over_stable_evidence, other.over_stable_evidence),
        )


_NUMBERS: Final = tuple(
    field.name for field in fields(JudgeCounts) if not field.name.endswith("_evidence")
)
