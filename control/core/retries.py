"""Whether, when and how often a request is sent again: the budget, the back-off, the faults."""

from enum import Enum
from typing import Final

from control.core.protection import RetryPolicy

#: No doubling goes on for longer: beyond it the longest interval holds anyway.
_MOST_DOUBLINGS: Final = 32


class Fault(Enum):
    """Why a try gave no answer.

    MODEL_FAILED   the model raised; perhaps over another request of the same batch.
    BAD_ANSWER     the answer was not what the model's config or contract promises.
    TRITON_FULL    Triton's own queue was full.
    CUT_SHORT      the time of this try ran out, not that of the request.
    OUT_OF_TIME    the request's own time ran out.
    SUSPECT        the model's process died under the try, and this request may have killed it.
    REFUSED        a mistake of the client, Seawall's own refusal, or a Triton that is away: the
                   same would happen again, or is waited for elsewhere.
    """

    MODEL_FAILED = "model_failed"
    BAD_ANSWER = "bad_answer"
    TRITON_FULL = "triton_full"
    CUT_SHORT = "cut_short"
    OUT_OF_TIME = "out_of_time"
    SUSPECT = "suspect"
    REFUSED = "refused"


_RETRIABLE: Final = frozenset(
    {Fault.MODEL_FAILED, Fault.BAD_ANSWER, Fault.TRITON_FULL, Fault.CUT_SHORT}
)


def is_retriable(fault: Fault) -> bool:
    """Whether another try may answer, and can do no harm to a request that is safe to repeat."""
    return fault in _RETRIABLE


def backoff_s(policy: RetryPolicy, attempt: int, draw: float) -> float:
    """Seconds to wait before retry ``attempt`` (from 1); ``draw`` is from [0, 1).

    Fully jittered exponential back-off, as in Envoy: [0, (2^N - 1) * base), capped.
    """
    doublings = min(attempt, _MOST_DOUBLINGS)
    longest_s: float = min(policy.base_interval_s * (2**doublings - 1), policy.max_interval_s)
    return draw * longest_s


class RetryBudget:
    """How many retries and hedges of one version may be under way, by how many requests are.

    As in Envoy: a share of the active requests, but always a few. One owner, no locks.
    """

    __slots__ = ("active", "policy", "under_way")

    def __init__(self, policy: RetryPolicy) -> None:
        """Begin with no request active; whoever makes one active counts it in ``active``."""
        self.policy = policy
        self.active = 0
        self.under_way = 0

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        policy = self.policy
        return max(policy.min_retry_concurrency, int(self.active * policy.budget_percent / 100.0))

    def try_begin(self) -> bool:
        """Begin one retry or hedge, if the budget allows one more."""
        if self.under_way >= self.limit:
            return False
        self.under_way += 1
        return True

    def end(self) -> None:
        """End one that ``try_begin`` has allowed."""
        self.under_way -= 1
