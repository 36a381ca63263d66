"""Who waits for a place, for how long, and who goes first."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from control.core.outcome import Outcome
from control.core.protection import QueuePolicy
from control.errors import DeadlineExceeded, Overloaded
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import value_of
from tests.gateway.protection.admission_desk import HIGH, LABELS, LOW, Desk, view_of


@pytest.fixture
async def desk(metrics: GatewayMetrics, registry: CollectorRegistry) -> AsyncIterator[Desk]:
    """A desk whose tasks are ended."""
    made = Desk(metrics, registry)
    yield made
    await made.close()


async def test_who_waits_gets_the_next_place(desk: Desk) -> None:
    """A place that is given back goes to who waits, and the wait is measured."""
    admission = desk.board.of(view_of(1))
    (held,) = desk.fill(admission, 1)
    waiting = await desk.queue(admission)
    desk.clock.now_s += 0.02
    held.end(Outcome.SUCCESS)
    await waiting
    assert (admission.in_flight, admission.queued) == (1, 0)
    admission.show()
    assert value_of(desk.registry, "seawall_queue_wait_seconds_sum", **LABELS) == pytest.approx(
        0.02
    )


async def test_nobody_overtakes_who_waits(desk: Desk) -> None:
    """A newcomer does not slip in before the line."""
    admission = desk.board.of(view_of(1))
    (held,) = desk.fill(admission, 1)
    await desk.queue(admission)
    held.end(Outcome.SUCCESS)
    assert admission.try_enter(desk.ask()) is None


async def test_a_full_queue_refuses_at_once(desk: Desk) -> None:
    """503 with Retry-After: the caller knows now, not at its deadline."""
    admission = desk.board.of(view_of(1, QueuePolicy(max_queue_size=1)))
    desk.fill(admission, 1)
    await desk.queue(admission)
    with pytest.raises(Overloaded, match="too many requests wait already") as caught:
        await admission.enter(desk.ask())
    assert caught.value.retry_after_s == 1
    assert desk.shed("queue_full") == 1


async def test_high_priority_displaces_low(desk: Desk) -> None:
    """In a full queue the one that matters less gives way, and hears so at once."""
    admission = desk.board.of(view_of(1, QueuePolicy(max_queue_size=1)))
    (held,) = desk.fill(admission, 1)
    low = await desk.queue(admission, priority=LOW)
    high = asyncio.create_task(admission.enter(desk.ask(priority=HIGH)))
    desk.tasks.append(high)
    with pytest.raises(Overloaded):
        await low
    held.end(Outcome.SUCCESS)
    assert (await high) is not None


async def test_nobody_waits_past_the_deadline(desk: Desk) -> None:
    """504 at the deadline, by one timer for all."""
    admission = desk.board.of(view_of(1))
    desk.fill(admission, 1)
    later = await desk.queue(admission, time_s=0.02, priority=HIGH)
    sooner = await desk.queue(admission, time_s=0.01, priority=HIGH)
    desk.clock.now_s += 0.01
    with pytest.raises(DeadlineExceeded):
        await sooner
    assert not later.done()
    desk.clock.now_s += 0.01
    with pytest.raises(DeadlineExceeded):
        await later
    assert desk.shed("deadline") == 2


async def test_who_waits_for_longer_than_its_target_is_turned_away(desk: Desk) -> None:
    """503 after half of its time, if nothing else is said; high priority stays."""
    for policy, target_s in [(QueuePolicy(), 0.5), (QueuePolicy(target_delay_s=0.005), 0.005)]:
        admission = desk.board.of(view_of(1, policy))
        held = desk.fill(admission, 1)
        high = await desk.queue(admission, time_s=1.0, priority=HIGH)
        normal = await desk.queue(admission, time_s=1.0)
        desk.clock.now_s += 0.99 * target_s
        admission.expire()
        assert not normal.done()
        desk.clock.now_s += 0.02 * target_s
        admission.expire()
        with pytest.raises(Overloaded, match="waited for too long"):
            await normal
        held[0].end(Outcome.SUCCESS)
        (await high).end(Outcome.SUCCESS)
    assert desk.shed("delay") == 2


async def test_a_cancelled_wait_leaves_nothing(desk: Desk) -> None:
    """A client that has gone is not worked for."""
    admission = desk.board.of(view_of(1))
    (held,) = desk.fill(admission, 1)
    waiting = await desk.queue(admission)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert admission.queued == 0
    held.end(Outcome.SUCCESS)
    assert admission.in_flight == 0


async def test_a_permit_for_one_who_has_just_gone_goes_on(desk: Desk) -> None:
    """A place that was given in the moment of the cancellation is not lost."""
    admission = desk.board.of(view_of(1))
    (held,) = desk.fill(admission, 1)
    gone, next_one = await desk.queue(admission), await desk.queue(admission)
    held.end(Outcome.SUCCESS)
    gone.cancel()
    (await next_one).end(Outcome.SUCCESS)
    assert gone.cancelled()
    assert admission.in_flight == 0


async def test_a_refusal_of_one_who_has_just_gone_is_heard_by_nobody(desk: Desk) -> None:
    """It is no error that nobody waits for it any more."""
    admission = desk.board.of(view_of(1))
    desk.fill(admission, 1)
    gone = await desk.queue(admission, time_s=0.5)
    desk.clock.now_s += 0.5
    admission.expire()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert gone.cancelled()
    assert admission.queued == 0
