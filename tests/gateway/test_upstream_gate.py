"""The gate: open while Triton lives, and a bounded waiting room while it does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from control.errors import Overloaded, UpstreamUnavailable
from control.gateway.upstream_gate import HoldLimits, UpstreamGate
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import value_of
from tests.support.polls import eventually


class Probe:
    """A Triton that lives when told to."""

    def __init__(self) -> None:
        self.alive = False
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        return self.alive


class Gated:
    """A gate with its probe."""

    def __init__(self, metrics: GatewayMetrics, **limits: float) -> None:
        self.probe = Probe()
        held = HoldLimits(**{"probe_interval_s": 0.002, **limits})  # type: ignore[arg-type]
        self.gate = UpstreamGate(self.probe, held, metrics)

    async def wait(self, timeout_s: float = 20.0) -> None:
        """Wait as a request does."""
        await self.gate.wait_open(asyncio.get_running_loop().time() + timeout_s)

    async def come_alive(self) -> None:
        """Let Triton live, and wait until the gate has seen it."""
        self.probe.alive = True
        await eventually(lambda: self.gate.is_open, "the gate is open")


@pytest.fixture
async def gated(metrics: GatewayMetrics) -> AsyncIterator[Gated]:
    """A gate that has been told that Triton is away."""
    one = Gated(metrics, max_held=10)
    one.gate.close("starting")
    yield one
    await one.come_alive()


async def test_it_probes_until_triton_lives(gated: Gated, registry: CollectorRegistry) -> None:
    """A closed gate asks again and again, and opens at the first yes."""
    await eventually(lambda: gated.probe.asked >= 3, "it asks again")
    assert not gated.gate.is_open
    assert value_of(registry, "seawall_upstream_up") == 0.0
    await gated.come_alive()
    assert value_of(registry, "seawall_upstream_up") == 1.0


async def test_all_that_wait_are_let_go_at_once(gated: Gated, registry: CollectorRegistry) -> None:
    """When Triton is back nobody is left waiting."""
    waiting = [asyncio.create_task(gated.wait()) for _ in range(10)]
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 10, "all are held")
    assert repr(gated.gate) == "<UpstreamGate closed, 10 of 10 held>"
    await gated.come_alive()
    await asyncio.gather(*waiting)
    assert value_of(registry, "seawall_held_requests") == 0
    assert repr(gated.gate) == "<UpstreamGate open, 0 of 10 held>"


async def test_no_more_than_the_limit_are_held(gated: Gated, registry: CollectorRegistry) -> None:
    """The eleventh of ten is refused at once, and takes no place."""
    waiting = [asyncio.create_task(gated.wait()) for _ in range(10)]
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 10, "all are held")
    with pytest.raises(Overloaded):
        await gated.wait()
    assert value_of(registry, "seawall_held_requests") == 10
    await gated.come_alive()
    await asyncio.gather(*waiting)


async def test_a_wait_ends_in_time(gated: Gated, registry: CollectorRegistry) -> None:
    """A request is not held beyond its time, and its place is free again."""
    with pytest.raises(UpstreamUnavailable):
        await gated.wait(0.01)
    assert value_of(registry, "seawall_held_requests") == 0


async def test_a_client_that_left_frees_its_place(
    gated: Gated, registry: CollectorRegistry
) -> None:
    """A cancelled wait is not held any more."""
    waiting = asyncio.create_task(gated.wait())
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 1, "it is held")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert value_of(registry, "seawall_held_requests") == 0


async def test_closing_twice_probes_once(gated: Gated) -> None:
    """Many failures at the same time start one probe, not many."""
    prober = gated.gate._prober
    for _ in range(5):
        gated.gate.close("again")
    assert gated.gate._prober is prober


async def test_a_suspicion_closes_only_a_dead_tritons_gate(gated: Gated) -> None:
    """A lost idle connection alone costs nobody anything; a failed probe closes the gate."""
    await gated.come_alive()
    asked = gated.probe.asked
    gated.gate.suspect()
    gated.gate.suspect()
    await eventually(lambda: gated.probe.asked == asked + 1, "one probe looks")
    assert gated.gate.is_open
    gated.probe.alive = False
    gated.gate.suspect()
    await eventually(lambda: not gated.gate.is_open, "the gate is closed")
