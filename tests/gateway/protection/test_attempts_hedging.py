"""Tries that begin beside one that is slow."""

import asyncio
from dataclasses import replace

import pytest

from control.errors import BadUpstreamAnswer, DeadlineExceeded, ModelFailed
from tests.gateway.protection.scripted_tries import HEDGED, Script, Setup, Step, now_s
from tests.support.virtual_time import run


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
