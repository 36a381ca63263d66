"""Tries of any crowd of clients keep to budget and deadline."""

import asyncio
import contextlib
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from control.core.protection import RetryPolicy
from control.errors import ControlError, DeadlineExceeded, MalformedRequest
from control.gateway.replies_of_triton import StubDied
from tests.gateway.protection.scripted_tries import RETRIABLE, Script, Setup, Step, now_s
from tests.support.virtual_time import run


@dataclass(frozen=True)
class Client:
    """One request: when it comes, what its tries come to, its deadline, and when it leaves."""

    comes_s: float
    steps: list[Step]
    deadline_s: float
    leaves_s: float | None
    safe: bool


TIMES = st.sampled_from([0.0, 0.01, 0.3, 1.0, 2.5])
STEPS = st.builds(
    Step, TIMES, st.sampled_from([None, *RETRIABLE, StubDied, MalformedRequest, DeadlineExceeded])
)
CLIENTS = st.builds(
    Client,
    comes_s=TIMES,
    steps=st.lists(STEPS, min_size=1, max_size=4),
    deadline_s=st.sampled_from([0.02, 0.5, 1.0, 3.0]),
    leaves_s=st.none() | st.sampled_from([0.0, 0.02, 0.5, 2.0]),
    safe=st.booleans(),
)
POLICIES = st.builds(
    RetryPolicy,
    num_retries=st.integers(0, 3),
    per_try_timeout_s=st.none() | st.sampled_from([0.1, 1.0]),
    hedge_on_per_try_timeout=st.booleans(),
    budget_percent=st.sampled_from([0.0, 20.0, 100.0]),
    min_retry_concurrency=st.integers(0, 3),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(CLIENTS, min_size=1, max_size=12),
    POLICIES,
    st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=1, max_size=20),
)
def test_tries_keep_to_budget_and_deadline(
    clients: list[Client], policy: RetryPolicy, draws: list[float]
) -> None:
    """Over any failures, leaves and crowds: each request ends in time, and nothing is left over."""

    async def work() -> None:
        drawn = iter(draws * 1000)
        setup = Setup(lambda: next(drawn))
        active: list[int] = []
        sends = await asyncio.gather(*[serve(setup, one, active) for one in clients])
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert setup.at_rest()
        assert all(send.running == 0 for send in sends)

    async def serve(setup: Setup, client: Client, active: list[int]) -> Script:
        await asyncio.sleep(client.comes_s)
        send, deadline_s = Script(client.steps), now_s() + client.deadline_s

        async def watched(until_s: float) -> str:
            assert until_s <= deadline_s
            assert now_s() <= deadline_s
            (budget,) = setup.attempts._budgets.values()
            # Whoever was active when a retry began may have gone since: the most of all holds.
            active.append(budget.active)
            share = int(max(active) * policy.budget_percent / 100.0)
            assert budget.under_way <= max(policy.min_retry_concurrency, share)
            return await send(until_s)

        request = asyncio.create_task(
            setup.run(watched, policy, deadline_s=deadline_s, safe=client.safe)
        )
        if client.leaves_s is not None:
            asyncio.get_running_loop().call_later(client.leaves_s, request.cancel)
        with contextlib.suppress(ControlError, asyncio.CancelledError):
            await request
        assert now_s() <= deadline_s + 1e-9
        tries = 1 + (policy.num_retries if client.safe else 0)
        assert len(send.begun_s) <= tries
        return send

    run(work())
