"""Who is refused at once, because waiting would be in vain."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from control.core.outcome import Outcome
from control.core.protection import QueuePolicy
from control.errors import DeadlineExceeded, Overloaded
from control.observability.metrics import GatewayMetrics
from tests.gateway.protection.admission_desk import HIGH, NORMAL, Desk, view_of


@pytest.fixture
async def desk(metrics: GatewayMetrics, registry: CollectorRegistry) -> AsyncIterator[Desk]:
    """A desk whose tasks are ended."""
    made = Desk(metrics, registry)
    yield made
    await made.close()


async def test_what_cannot_finish_is_refused_at_once(desk: Desk) -> None:
    """504 for a request with less time than the fastest of the last calls took."""
    admission = desk.board.of(view_of(2))
    desk.teach(admission, 0.1)
    with pytest.raises(DeadlineExceeded, match=r"at least 0\.08 s, got 0\.05 s left"):
        await admission.enter(desk.ask(0.05))
    assert admission.try_enter(desk.ask(0.1)) is not None
    assert desk.shed("cannot_finish") == 1


async def test_without_a_history_nobody_is_refused(desk: Desk) -> None:
    """A few slow first calls do not tell how fast a model can be; long ago does not count."""
    admission = desk.board.of(view_of(2))
    desk.teach(admission, 0.1, calls=3)
    assert admission.try_enter(desk.ask(0.001)) is not None
    desk.teach(admission, 0.1)
    assert admission.try_enter(desk.ask(0.001)) is None
    desk.clock.now_s += 30.0
    admission.turn(None)
    assert admission.try_enter(desk.ask(0.001)) is not None


async def test_a_wait_that_is_predicted_to_be_too_long_is_refused_at_once(desk: Desk) -> None:
    """503 where those ahead take longer than half of the time; high priority has all of it."""
    admission = desk.board.of(view_of(1))
    desk.teach(admission, 0.1)
    desk.fill(admission, 1)
    for _ in range(9):
        await desk.queue(admission)  # nine and two standard deviations: one and a half seconds
    with pytest.raises(Overloaded, match="longer than it may wait") as caught:
        await admission.enter(desk.ask(2.9))
    assert caught.value.retry_after_s == 1
    assert not (await desk.queue(admission, time_s=3.1)).done()
    assert not (await desk.queue(admission, time_s=0.2, priority=HIGH)).done()
    assert not (await desk.queue(admission, time_s=0.2, priority=HIGH)).done()
    with pytest.raises(Overloaded):
        await admission.enter(desk.ask(0.2, priority=HIGH))


async def test_the_hopeless_are_refused_before_any_work(desk: Desk) -> None:
    """As they would be when entering, and counted; whoever has a chance hears nothing."""
    admission = desk.board.of(view_of(1, QueuePolicy(max_queue_size=3)))
    desk.teach(admission, 0.1)
    admission.refuse_hopeless(desk.ask(0.01))  # nobody is in the way: the rest is for later
    desk.fill(admission, 1)
    admission.refuse_hopeless(desk.ask(0.1))
    with pytest.raises(DeadlineExceeded):
        admission.refuse_hopeless(desk.ask(0.01))
    for _ in range(3):
        await desk.queue(admission)
    with pytest.raises(Overloaded, match="longer than it may wait"):
        admission.refuse_hopeless(desk.ask(1.0))
    with pytest.raises(Overloaded, match="too many requests wait already"):
        admission.refuse_hopeless(desk.ask())
    admission.refuse_hopeless(desk.ask(priority=HIGH))
    admission.refuse_hopeless(desk.ask(tenant="other"))
    assert (desk.shed("cannot_finish"), desk.shed("queue_full")) == (2, 1)
    assert admission.queued == 3


async def test_retry_after_is_the_time_that_the_queue_takes(desk: Desk) -> None:
    """Whole seconds, 30 at most."""
    admission = desk.board.of(view_of(1, QueuePolicy(max_queue_size=15, interval_s=1e6)))
    desk.teach(admission, 0.3)
    desk.fill(admission, 1)
    for _ in range(15):
        await desk.queue(admission)
    with pytest.raises(Overloaded) as caught:
        await admission.enter(desk.ask())
    assert caught.value.retry_after_s == 5


async def test_the_wait_for_a_place_is_foretold(desk: Desk) -> None:
    """None with a place free, or where nothing is known; the first in line waits for one end."""
    admission = desk.board.of(view_of(1))
    assert admission.wait_s("acme", NORMAL) == 0.0
    [permit] = desk.fill(admission, 1)
    assert admission.wait_s("acme", NORMAL) == 0.0
    permit.end(Outcome.SUCCESS)
    desk.clock.now_s += 30.0
    desk.teach(admission, 0.1)
    assert admission.wait_s("acme", NORMAL) == 0.0
    desk.fill(admission, 1)
    assert admission.wait_s("acme", NORMAL) == pytest.approx(0.1)
    await desk.queue(admission)
    assert admission.wait_s("acme", NORMAL) == pytest.approx(0.4)  # it may come to more
    assert admission.wait_s("acme", HIGH) == pytest.approx(0.1)
