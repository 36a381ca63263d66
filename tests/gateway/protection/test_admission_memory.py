"""Who is admitted by the memory that its request needs."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from control.core.memory_budget import Reservoir
from control.core.outcome import Outcome
from control.core.protection import MemoryPolicy, QueuePolicy
from control.errors import Overloaded, TooLarge
from control.observability.metrics import GatewayMetrics
from tests.gateway.protection.admission_desk import Desk, view_of


@pytest.fixture
async def desk(metrics: GatewayMetrics, registry: CollectorRegistry) -> AsyncIterator[Desk]:
    """A desk whose tasks are ended."""
    made = Desk(metrics, registry)
    yield made
    await made.close()


async def test_what_never_fits_is_too_large(desk: Desk) -> None:
    """413: waiting would not help."""
    desk.reservoir = Reservoir(MemoryPolicy(bytes_per_request=1.0, budget_bytes=1000))
    admission = desk.board.of(view_of(2))
    with pytest.raises(
        TooLarge, match="at most 1000 bytes of memory for requests, got 1001"
    ) as got:
        await admission.enter(desk.ask(memory_bytes=1001))
    assert got.value.status == 413
    assert desk.shed("memory") == 1


async def test_what_does_not_fit_now_waits(desk: Desk) -> None:
    """Memory that becomes free, anywhere, lets the next one in."""
    desk.reservoir = Reservoir(
        MemoryPolicy(bytes_per_request=1.0, headroom_percent=0.0, budget_bytes=1000)
    )
    assert desk.reservoir.try_reserve(600)
    admission = desk.board.of(view_of(2))
    waiting = await desk.queue(admission, memory_bytes=600)
    assert not waiting.done()
    desk.reservoir.release(600)
    (await waiting).end(Outcome.SUCCESS)
    assert desk.reservoir.reserved == 0


async def test_who_waited_for_memory_hears_so(desk: Desk) -> None:
    """503 for want of memory is told apart from one for want of a place."""
    desk.reservoir = Reservoir(
        MemoryPolicy(bytes_per_request=1.0, headroom_percent=0.0, budget_bytes=1000)
    )
    assert desk.reservoir.try_reserve(600)
    admission = desk.board.of(view_of(2, QueuePolicy(target_delay_s=0.005)))
    waiting = await desk.queue(admission, memory_bytes=600)
    behind = await desk.queue(admission)
    assert not behind.done()
    waiting.cancel()
    await behind
    waiting = await desk.queue(admission, memory_bytes=600)
    desk.clock.now_s += 1.0
    admission.expire()
    with pytest.raises(Overloaded, match="memory"):
        await waiting
    assert desk.shed("memory") == 1
