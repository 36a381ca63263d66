"""Which failures are tried again, how often, and until when."""

import asyncio
from dataclasses import replace

import pytest

from control.core.protection import RetryPolicy
from control.core.snapshot import Snapshot
from control.errors import (
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
from control.gateway.replies_of_triton import ModelUnavailable, StubDied
from tests.gateway.conftest import make_view, snapshot_of
from tests.gateway.protection.scripted_tries import (
    HEDGED,
    RETRIABLE,
    Script,
    Setup,
    Step,
    now_s,
    view_of,
)
from tests.support.virtual_time import run

FINAL = (
    *(StubDied, MalformedRequest, ContractViolated, TooLarge, CircuitOpen, Overloaded),
    *(UpstreamUnavailable, ModelUnavailable, DeadlineExceeded),
)


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
