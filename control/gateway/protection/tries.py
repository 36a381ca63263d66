"""What the tries of one request share: what is left to them, and whether another may follow."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from control.core.retries import Fault, RetryBudget, backoff_s, is_retriable
from control.core.snapshot import VersionView
from control.errors import BadUpstreamAnswer, ControlError, DeadlineExceeded, ModelFailed
from control.gateway.replies_of_triton import StubDied, TritonFull
from control.observability.metrics import GatewayMetrics


class TryKind(Enum):
    """Why there was another try."""

    RETRY = "retry"
    HEDGE = "hedge"


class TryResult(Enum):
    """How it ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class TryContext:
    """What all tries use; ``draw`` gives chance in [0, 1), ``clock`` monotonic seconds."""

    metrics: GatewayMetrics
    draw: Callable[[], float]
    clock: Callable[[], float]


class Tries:
    """The tries of one request. Each that was allowed is ended by one ``end``."""

    __slots__ = ("_begun", "_budget", "_context", "_view", "deadline_s", "policy")

    def __init__(
        self, view: VersionView, budget: RetryBudget, deadline_s: float, context: TryContext
    ) -> None:
        """Allow as many as the version's policy and the ``budget`` of all requests do."""
        self._view, self._budget, self._context = view, budget, context
        self.policy = view.protection.retries
        self.deadline_s = deadline_s
        self._begun = 0

    def left_s(self) -> float:
        """Seconds until the request's deadline."""
        return self.deadline_s - self._context.clock()

    def until_s(self) -> float:
        """Give the deadline of a try that begins now."""
        per_try_s = self.policy.per_try_timeout_s
        if per_try_s is None:
            return self.deadline_s
        return min(self.deadline_s, self._context.clock() + per_try_s)

    def allow_retry(self, error: ControlError, until_s: float) -> float | None:
        """Give the seconds to wait before a try after this failure, or None where none may follow.

        ``until_s`` was the failed try's deadline.
        """
        fault = fault_of(error, cut_short=until_s < self.deadline_s)
        if not is_retriable(fault) or not self.has_more():
            return None
        delay_s = backoff_s(self.policy, self._begun + 1, self._context.draw())
        if delay_s >= self.left_s() or not self._begin():
            return None
        return delay_s

    def allow_hedge(self) -> bool:
        """Whether a try may begin beside one that is under way."""
        return self.has_more() and self.left_s() > 0.0 and self._begin()

    def has_more(self) -> bool:
        """Whether the policy leaves more tries."""
        return self._begun < self.policy.num_retries

    def end(self, kind: TryKind, result: TryResult) -> None:
        """Give a try's place in the budget back, and count it."""
        self._budget.end()
        labels = (self._view.model, str(self._view.version), kind.value, result.value)
        self._context.metrics.retries.labels(*labels).inc()

    def _begin(self) -> bool:
        if not self._budget.try_begin():
            labels = (self._view.model, str(self._view.version))
            self._context.metrics.retry_budget_exhausted.labels(*labels).inc()
            return False
        self._begun += 1
        return True


def fault_of(error: ControlError, *, cut_short: bool) -> Fault:
    """Tell why a try failed; ``cut_short`` says that it had less time than its request."""
    match error:
        case ModelFailed():
            return Fault.MODEL_FAILED
        case BadUpstreamAnswer():
            return Fault.BAD_ANSWER
        case TritonFull():
            return Fault.TRITON_FULL
        case StubDied():
            return Fault.SUSPECT
        case DeadlineExceeded():
            return Fault.CUT_SHORT if cut_short else Fault.OUT_OF_TIME
        case _:
            return Fault.REFUSED


def result_of(error: BaseException | None) -> TryResult:
    """Tell how a try ended that raised this, or nothing."""
    if error is None:
        return TryResult.SUCCESS
    cancelled = isinstance(error, asyncio.CancelledError)
    return TryResult.CANCELLED if cancelled else TryResult.FAILURE
