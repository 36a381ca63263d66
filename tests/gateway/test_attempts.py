import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from control.core.protection import Protection, RetryPolicy
from control.core.snapshot import Snapshot, VersionView
from control.errors import (
    BadUpstreamAnswer,
    CircuitOpen,
    ContractViolated,
    ControlError,
    DeadlineExceeded,
    MalformedRequest,
    ModelFailed,
    Overloaded,
    TooLarge,
    UpstreamUnavailable,
)
from control.gateway.attempts import Attempts
from control.gateway.replies_of_triton import ModelUnavailable, StubDied, TritonFull
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view, snapshot_of, value_of
from tests.support.virtual_time import run

RETRIABLE = (ModelFailed, BadUpstreamAnswer, TritonFull)
FINAL = (
    *(StubDied, MalformedRequest, ContractViolated, TooLarge, CircuitOpen, Overloaded),
    *(UpstreamUnavailable, ModelUnavailable, DeadlineExceeded),
)
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


@pytest.mark.parametrize("error", RETRIABLE)
def test_a_failure_that_may_pass_is_tried_again(error: type[ControlError]) -> None:
    """After a jittered pause, once by default."""

    async def work() -> None:
        setup, send = Setup(lambda: 0.8), Script([Step(1.0, error), Step(1.0)])
        assert await setup.run(send, RetryPolicy()) == "answer 2"
        assert send.begun_s == [0.0, pytest.approx(1.02)]
        assert send.until_s == [60.0, 60.0]
        assert setup.retries("retry", "success") == 1
        assert setup.at_rest()

    run(work())


@pytest.mark.parametrize("error", FINAL)
def test_what_would_fail_again_or_do_harm_is_not_tried_again(error: type[ControlError]) -> None:
    """Suspects, clients' faults, refusals, a Triton that is away, and a time that is over."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(0.0, error), Step()])
        with pytest.raises(error, match="failure 1"):
            await setup.run(send, RetryPolicy(num_retries=5))
        assert len(send.begun_s) == 1
        assert setup.at_rest()

    run(work())


@pytest.mark.parametrize("policy", [RetryPolicy(), HEDGED])
def test_a_request_that_is_not_safe_to_repeat_is_tried_once(policy: RetryPolicy) -> None:
    """A step of a sequence would count twice."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(0.0, ModelFailed), Step()])
        with pytest.raises(ModelFailed):
            await setup.run(send, policy, safe=False)
        assert len(send.begun_s) == 1
        assert setup.at_rest()

    run(work())


def test_no_retries_means_none() -> None:
    """Zero is a number."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(0.0, ModelFailed), Step()])
        with pytest.raises(ModelFailed):
            await setup.run(send, RetryPolicy(num_retries=0))
        assert (len(send.begun_s), setup.exhausted()) == (1, 0)

    run(work())


def test_the_last_failure_is_told() -> None:
    """After all tries; one that must not be repeated ends them at once."""

    async def work() -> None:
        setup = Setup()
        send = Script([Step(0.0, ModelFailed)])
        with pytest.raises(ModelFailed, match="failure 4"):
            await setup.run(send, RetryPolicy(num_retries=3))
        assert setup.retries("retry", "failure") == 3
        send = Script([Step(0.0, ModelFailed), Step(0.0, StubDied)])
        with pytest.raises(StubDied, match="failure 2"):
            await setup.run(send, RetryPolicy(num_retries=3))
        assert setup.at_rest()

    run(work())


def test_what_nobody_foresaw_is_passed_on() -> None:
    """From the first try, a retry or a hedged try."""

    async def work() -> None:
        setup = Setup()
        for steps in ([Step(0.0, KeyError)], [Step(0.0, ModelFailed), Step(0.0, KeyError)]):
            for policy in (RetryPolicy(), HEDGED):
                with pytest.raises(KeyError):
                    await setup.run(Script(steps), policy)
        assert setup.retries("retry", "failure") == 2
        assert setup.at_rest()

    run(work())


def test_each_try_may_have_its_own_time() -> None:
    """A try that is cut short is followed by another while time is left, else it is the end."""

    async def work() -> None:
        policy = RetryPolicy(num_retries=5, per_try_timeout_s=2.0)
        setup, send = Setup(), Script([Step(9.0)])
        with pytest.raises(DeadlineExceeded):
            await setup.run(send, policy, deadline_s=5.0)
        assert send.begun_s == [0.0, 2.0, 4.0]
        assert send.until_s == [2.0, 4.0, 5.0]
        assert now_s() == 5.0

    run(work())


def test_no_retry_waits_past_the_deadline() -> None:
    """Who has no time left for the pause gets the failure now."""

    async def work() -> None:
        setup, send = Setup(lambda: 0.999), Script([Step(1.0, ModelFailed), Step()])
        with pytest.raises(ModelFailed):
            await setup.run(send, RetryPolicy(), deadline_s=1.02)
        assert now_s() == 1.0
        assert setup.at_rest()

    run(work())


def test_a_pause_that_took_too_long_is_the_end() -> None:
    """A loop that was late begins no try after the deadline."""

    async def work() -> None:
        loop, late = asyncio.get_running_loop(), [0.0]
        setup = Setup(lambda: 0.9)
        setup.attempts._context = replace(
            setup.attempts._context, clock=lambda: loop.time() + late[0]
        )
        send = Script([Step(1.0, ModelFailed), Step()])
        loop.call_at(1.01, lambda: late.__setitem__(0, 9.0))
        with pytest.raises(ModelFailed):
            await setup.run(send, RetryPolicy(), deadline_s=5.0)
        assert len(send.begun_s) == 1
        assert setup.at_rest()

    run(work())


def test_the_budget_bounds_retries() -> None:
    """Of many that fail at once, a fifth is tried again, and what is not is counted."""

    async def work() -> None:
        setup = Setup()
        sends = [Script([Step(1.0, ModelFailed), Step(1.0)]) for _ in range(100)]
        calls = [setup.run(send, RetryPolicy()) for send in sends]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        answered = [one for one in ends if one == "answer 2"]
        assert 3 <= len(answered) <= 20
        assert setup.exhausted() == 100 - len(answered)
        assert setup.at_rest()

    run(work())


def test_a_client_that_leaves_ends_its_tries() -> None:
    """In the first try, in the pause, in the retry, or with a hedge beside."""

    async def work() -> None:
        for leaves_s, policy in ((0.5, RetryPolicy()), (1.01, RetryPolicy()), (2.0, RetryPolicy())):
            await left(Setup(lambda: 0.9), policy, leaves_s)
        setup = Setup()
        await left(setup, HEDGED, 0.0)
        await left(setup, HEDGED, 1.5, Step(9.0))
        assert setup.retries("hedge", "cancelled") == 1

    async def left(setup: Setup, policy: RetryPolicy, leaves_s: float, *steps: Step) -> None:
        send = Script(list(steps) or [Step(1.0, ModelFailed), Step(9.0)])
        request = asyncio.create_task(setup.run(send, policy))
        await asyncio.sleep(leaves_s)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert send.running == 0
        assert setup.at_rest()

    run(work())


def test_a_hedge_begins_beside_a_slow_try() -> None:
    """Without ending it; the first answer counts, and the other try is cancelled."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(9.0), Step(0.5)])
        assert await setup.run(send, HEDGED) == "answer 2"
        assert now_s() == 1.5
        assert send.until_s == [60.0, 60.0]
        await asyncio.sleep(0.0)
        assert send.cancelled == 1
        assert setup.retries("hedge", "success") == 1
        send = Script([Step(1.5), Step(9.0)])
        assert await setup.run(send, HEDGED) == "answer 1"
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert setup.retries("hedge", "cancelled") == 1
        assert setup.at_rest()

    run(work())


def test_a_quick_answer_needs_no_hedge() -> None:
    """Only slowness begins one."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(0.9)])
        assert await setup.run(send, HEDGED) == "answer 1"
        assert len(send.begun_s) == 1

    run(work())


def test_a_failure_beside_a_try_that_runs_is_no_end() -> None:
    """The other may still answer; only when all have failed is the last failure told."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(3.0), Step(0.5, ModelFailed)])
        assert await setup.run(send, HEDGED) == "answer 1"
        send = Script([Step(3.0, BadUpstreamAnswer), Step(0.5, ModelFailed)])
        with pytest.raises(BadUpstreamAnswer):
            await setup.run(send, HEDGED)
        assert setup.retries("hedge", "failure") == 2
        send = Script([Step(1.5, ModelFailed), Step(0.5, ModelFailed), Step(0.5)])
        more = replace(HEDGED, num_retries=2)
        assert await setup.run(send, more) == "answer 3"
        assert setup.at_rest()

    run(work())


def test_a_failure_before_any_hedge_is_tried_again() -> None:
    """After a pause, with a hedge for the retry where the policy leaves one."""

    async def work() -> None:
        setup = Setup(lambda: 0.8)
        send = Script([Step(0.5, ModelFailed), Step(9.0), Step(0.5)])
        assert await setup.run(send, replace(HEDGED, num_retries=2)) == "answer 3"
        assert send.begun_s == [0.0, pytest.approx(0.52), pytest.approx(1.5)]
        assert setup.retries("hedge", "success") == 1

    run(work())


def test_a_hedge_needs_budget_and_time() -> None:
    """Without either, the first try goes on alone."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(3.0)])
        broke = replace(HEDGED, num_retries=3, min_retry_concurrency=0, budget_percent=0.0)
        assert await setup.run(send, broke) == "answer 1"
        assert (len(send.begun_s), setup.exhausted()) == (1, 1)
        send = Script([Step(3.0)])
        with pytest.raises(DeadlineExceeded):
            await setup.run(send, HEDGED, deadline_s=now_s() + 1.0)
        assert setup.at_rest()

    run(work())


def test_the_budgets_of_versions_that_are_gone_are_forgotten() -> None:
    """Once nothing of them is under way."""

    async def work() -> None:
        setup, send = Setup(), Script([Step(1.0)])
        view = view_of(RetryPolicy())
        request = asyncio.create_task(setup.run(send, RetryPolicy()))
        await asyncio.sleep(0.5)
        setup.attempts.learn(Snapshot())
        assert len(setup.attempts._budgets) == 1
        await request
        setup.attempts.learn(snapshot_of(view))
        assert len(setup.attempts._budgets) == 1
        setup.attempts.learn(snapshot_of(make_view("identity", 2)))
        assert setup.attempts._budgets == {}

    run(work())


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
