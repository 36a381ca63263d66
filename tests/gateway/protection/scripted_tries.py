"""Tries of a request that end as a script says, on a virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry

from control.core.protection import Protection, RetryPolicy
from control.core.snapshot import VersionView
from control.errors import BadUpstreamAnswer, DeadlineExceeded, ModelFailed
from control.gateway.protection.attempts import Attempts
from control.gateway.replies_of_triton import TritonFull
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view, value_of

RETRIABLE = (ModelFailed, BadUpstreamAnswer, TritonFull)
HEDGED = RetryPolicy(num_retries=1, per_try_timeout_s=1.0, hedge_on_per_try_timeout=True)


@dataclass(frozen=True)
class Step:
    """What one try comes to: after some seconds, an answer or an error."""

    seconds: float = 0.0
    error: type[Exception] | None = None


@dataclass
class Script:
    """A ``send`` that does what it is told, and notes when, until when, and how it ended."""

    steps: list[Step]
    begun_s: list[float] = field(default_factory=list)
    until_s: list[float] = field(default_factory=list)
    cancelled: int = 0
    running: int = 0

    async def __call__(self, deadline_s: float) -> str:
        """Make one try; none outlives its deadline."""
        loop = asyncio.get_running_loop()
        number = len(self.begun_s)
        step = self.steps[min(number, len(self.steps) - 1)]
        self.begun_s.append(loop.time())
        self.until_s.append(deadline_s)
        self.running += 1
        try:
            left_s = deadline_s - loop.time()
            if step.seconds > left_s:
                await asyncio.sleep(max(0.0, left_s))
                raise DeadlineExceeded("too late")
            await asyncio.sleep(step.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if step.error is not None:
            raise step.error(f"failure {number + 1}")
        return f"answer {number + 1}"


class Setup:
    """Attempts on a virtual clock, with chance as told, and their metrics."""

    def __init__(self, draw: Callable[[], float] = lambda: 0.0) -> None:
        self.registry = CollectorRegistry()
        clock = asyncio.get_running_loop().time
        self.attempts = Attempts(GatewayMetrics(self.registry), draw=draw, clock=clock)

    def retries(self, kind: str, result: str) -> float:
        """How many tries are counted so."""
        labels = {"model": "identity", "version": "1", "kind": kind, "result": result}
        return value_of(self.registry, "seawall_retries_total", **labels)

    def exhausted(self) -> float:
        """How many tries the budget has refused."""
        name = "seawall_retry_budget_exhausted_total"
        return value_of(self.registry, name, model="identity", version="1")

    def at_rest(self) -> bool:
        """Whether no request is active and nothing of the budget is held."""
        budgets = self.attempts._budgets.values()
        return all((one.active, one.under_way) == (0, 0) for one in budgets)

    def run(
        self,
        send: Callable[[float], Awaitable[str]],
        policy: RetryPolicy,
        *,
        deadline_s: float = 60.0,
        safe: bool = True,
    ) -> Coroutine[Any, Any, str]:
        """Make the tries of one request."""
        return self.attempts.run(view_of(policy), send, deadline_s=deadline_s, safe=safe)


def view_of(policy: RetryPolicy) -> VersionView:
    """A version with this policy."""
    return replace(make_view(), protection=Protection(retries=policy))


def now_s() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()
