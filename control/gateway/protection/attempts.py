"""The tries of a request: the first, and those after a failure or beside a slow one."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from control.core.retries import RetryBudget
from control.core.snapshot import Snapshot, VersionView
from control.errors import ControlError, release_frames
from control.gateway.protection.hedging import HedgedTries
from control.gateway.protection.tries import Tries, TryContext, TryKind, TryResult
from control.observability.metrics import GatewayMetrics

T = TypeVar("T")


def _always(_view: VersionView) -> bool:
    """Let any version be called again."""
    return True


class Attempts:
    """Tries requests as often as policies and budgets allow. Belongs to the event loop."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        *,
        is_well: Callable[[VersionView], bool] = _always,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without any request under way.

        A version that ``is_well`` says no of is called once for each request at most: whoever asks
        again while it recovers only keeps its caller from a fallback.
        """
        self._is_well = is_well
        self._context = TryContext(metrics, draw, clock)
        self._budgets: dict[tuple[str, int], RetryBudget] = {}

    async def run(
        self,
        view: VersionView,
        send: Callable[[float], Awaitable[T]],
        *,
        deadline_s: float,
        safe: bool,
    ) -> T:
        """Give the first answer of ``send``; raises the last failure.

        ``send`` makes one try: it takes what the try needs, and ends by the deadline that it is
        given. Where a request is not ``safe`` to repeat, there is one try.
        """
        policy = view.protection.retries
        budget = self._budgets.get((view.model, view.version))
        if budget is None:
            budget = self._budgets[view.model, view.version] = RetryBudget(policy)
        budget.policy = policy
        budget.active += 1
        try:
            until_s, per_try_s = deadline_s, policy.per_try_timeout_s
            if per_try_s is not None:
                if safe and policy.hedge_on_per_try_timeout and self._is_well(view):
                    tries = Tries(view, budget, deadline_s, self._context)
                    return await HedgedTries(tries, send, per_try_s).run()
                until_s = min(deadline_s, self._context.clock() + per_try_s)
            try:
                return await send(until_s)
            except ControlError as error:
                if not safe or not self._is_well(view):
                    raise
                failure = error
            tries = Tries(view, budget, deadline_s, self._context)
            return await _try_again(tries, send, failure, until_s)
        finally:
            budget.active -= 1

    def learn(self, snapshot: Snapshot) -> None:
        """Forget the budgets of versions that are gone, once nothing of them is under way."""
        for model, version in list(self._budgets):
            known = snapshot.models.get(model)
            is_gone = known is None or version not in known.versions
            if is_gone and not self._budgets[model, version].active:
                del self._budgets[model, version]


async def _try_again(
    tries: Tries, send: Callable[[float], Awaitable[T]], failure: ControlError, until_s: float
) -> T:
    while (delay_s := tries.allow_retry(failure, until_s)) is not None:
        result = TryResult.FAILURE
        try:
            await asyncio.sleep(delay_s)
            if tries.left_s() <= 0.0:
                break
            until_s = tries.until_s()
            answer = await send(until_s)
            result = TryResult.SUCCESS
        except asyncio.CancelledError:
            result = TryResult.CANCELLED
            raise
        except ControlError as error:
            release_frames(failure)
            failure = error
        else:
            return answer
        finally:
            tries.end(TryKind.RETRY, result)
    raise failure
