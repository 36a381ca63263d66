"""Calls that wait for a Triton or a model that is away."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from control.errors import Overloaded, UpstreamUnavailable
from control.gateway.replies_of_triton import ModelUnavailable
from control.gateway.upstream_gate import HoldLimits
from tests.fakes.fake_triton import FakeTriton, hang, unknown_version
from tests.gateway.conftest import CallsMaker, value_of
from tests.gateway.identity_calls import DATA, infer
from tests.support.polls import eventually


async def test_a_dead_triton_is_waited_for(
    make_calls: CallsMaker, fake: FakeTriton, registry: CollectorRegistry
) -> None:
    """Requests that come while nobody listens are held, and all answered when Triton is back."""
    calls = await make_calls()
    await fake.stop()
    waiting = [asyncio.create_task(infer(calls)) for _ in range(20)]
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 20, "all are held")
    assert value_of(registry, "seawall_upstream_up") == 0.0
    await fake.start()
    assert await asyncio.gather(*waiting) == [DATA] * 20
    assert value_of(registry, "seawall_held_requests") == 0.0
    assert value_of(registry, "seawall_upstream_up") == 1.0


async def test_requests_under_way_survive_a_restart(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """What Triton was computing when it died is computed by the next one."""
    calls = await make_calls()
    fake.then(*[hang] * 10)
    waiting = [asyncio.create_task(infer(calls)) for _ in range(10)]
    await eventually(lambda: len(fake.inferences) == 10, "all are under way")
    await fake.stop()
    await fake.start()
    assert await asyncio.gather(*waiting) == [DATA] * 10


async def test_a_triton_that_stays_away_is_not_waited_for_for_ever(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """After the hold time a request is answered with when to try again."""
    await fake.stop()
    calls = await make_calls(opened=False)
    calls.gate.limits = HoldLimits(timeout_s=0.05)
    calls.gate.close("gone")
    with pytest.raises(UpstreamUnavailable) as caught:
        await infer(calls)
    assert caught.value.retry_after_s is not None


async def test_a_model_that_is_still_loading_is_waited_for(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """After a restart Triton answers before its models are there: the request waits for its own."""
    calls = await make_calls()
    fake.then(unknown_version("identity", 3), unknown_version("identity", 3))
    assert await infer(calls) == DATA
    assert len(fake.inferences) == 3


async def test_a_model_that_never_loads_is_given_up(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """The wait for a model is bounded by the hold time."""
    calls = await make_calls(opened=True)
    calls.gate.limits = type(calls.gate.limits)(timeout_s=0.15)
    fake.then(*[unknown_version("identity", 3)] * 100)
    with pytest.raises(ModelUnavailable):
        await infer(calls)


async def test_an_idle_connection_that_dies_is_looked_into(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """With no traffic at all, Triton's death still closes the gate, and its return opens it."""
    calls = await make_calls()
    await infer(calls)
    await fake.stop()
    await eventually(lambda: not calls.gate.is_open, "the gate is closed")
    await fake.start()
    await eventually(lambda: calls.gate.is_open, "the gate is open")


async def test_a_triton_that_is_up_but_not_live_is_away(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """The gate opens when Triton says that it lives, not when its socket is there."""
    fake.live = False
    calls = await make_calls(opened=False)
    calls.gate.close("starting")
    await eventually(lambda: len(fake.seen) >= 3, "it is probed again and again")
    assert not calls.gate.is_open
    fake.live = True
    await eventually(lambda: calls.gate.is_open, "the gate is open")


async def test_too_many_held_requests_are_refused(
    make_calls: CallsMaker, fake: FakeTriton, registry: CollectorRegistry
) -> None:
    """The crowd that waits for Triton has a limit; who comes later hears so at once."""
    calls = await make_calls(max_held=3)
    await fake.stop()
    waiting = [asyncio.create_task(infer(calls)) for _ in range(3)]
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 3, "three are held")
    with pytest.raises(Overloaded) as caught:
        await infer(calls)
    assert caught.value.retry_after_s is not None
    await fake.start()
    assert await asyncio.gather(*waiting) == [DATA] * 3


async def test_holding_never_outlasts_the_deadline(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """A request has its time from first to last byte, waiting for Triton included."""
    calls = await make_calls()
    await fake.stop()
    async with asyncio.timeout(10):
        with pytest.raises(UpstreamUnavailable):
            await infer(calls, timeout_s=0.05)
