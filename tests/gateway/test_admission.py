"""Who gets in, who waits, who is turned away, and that nobody is ever lost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from control.core.memory_budget import Reservoir
from control.core.outcome import Outcome
from control.core.protection import (
    ConcurrencyPolicy,
    MemoryPolicy,
    Priority,
    Protection,
    QueuePolicy,
)
from control.core.snapshot import Snapshot, VersionView
from control.errors import ControlError, DeadlineExceeded, Overloaded, TooLarge
from control.gateway.admission import Admission, AdmissionBoard, Ask, Permit
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view, snapshot_of, value_of
from tests.support.polls import eventually

HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW
LABELS = {"model": "identity", "version": "1"}


@dataclass
class Clock:
    """Stands still until told."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def view_of(
    concurrency: int | ConcurrencyPolicy = 2, queue: QueuePolicy | None = None, **other: Any
) -> VersionView:
    """A version under these policies; a number is a fixed limit."""
    if isinstance(concurrency, int):
        concurrency = ConcurrencyPolicy(fixed=concurrency)
    protection = Protection(concurrency=concurrency, queue=queue or QueuePolicy(), **other)
    return replace(make_view(), protection=protection)


@dataclass
class Desk:
    """One board under a clock, and everything that was started at it."""

    metrics: GatewayMetrics
    registry: CollectorRegistry
    clock: Clock = field(default_factory=Clock)
    tasks: list[asyncio.Task[Permit]] = field(default_factory=list)
    board: AdmissionBoard = field(init=False)
    reservoir: Reservoir | None = None

    def __post_init__(self) -> None:
        self.board = AdmissionBoard(
            self.metrics, clock=self.clock, reservoir_of=lambda _: self.reservoir
        )

    def ask(
        self,
        time_s: float = 60.0,
        *,
        tenant: str = "acme",
        priority: Priority = NORMAL,
        memory_bytes: int = 0,
    ) -> Ask:
        """A request with so much time."""
        return Ask(tenant, priority, self.clock.now_s + time_s, memory_bytes)

    async def queue(self, admission: Admission, **ask: Any) -> asyncio.Task[Permit]:
        """Let somebody come who has to wait."""
        before = admission.queued
        task = asyncio.create_task(admission.enter(self.ask(**ask)))
        self.tasks.append(task)
        await eventually(lambda: admission.queued > before or task.done(), "it waits")
        return task

    def fill(self, admission: Admission, count: int = 2) -> list[Permit]:
        """Take places."""
        permits = [admission.try_enter(self.ask()) for _ in range(count)]
        assert all(permits)
        return [permit for permit in permits if permit]

    def teach(self, admission: Admission, rtt_s: float, calls: int = 20) -> None:
        """Let calls take so long."""
        for _ in range(calls):
            permit = admission.try_enter(self.ask(1e6))
            assert permit is not None
            self.clock.now_s += rtt_s
            permit.end(Outcome.SUCCESS)
        admission.turn(None)

    def shed(self, reason: str) -> float:
        """How many have been turned away for this reason."""
        for admission in self.board.all():
            admission.show()
        return value_of(self.registry, "seawall_shed_total", **LABELS, reason=reason)


@pytest.fixture
async def desk(metrics: GatewayMetrics, registry: CollectorRegistry) -> AsyncIterator[Desk]:
    """A desk whose tasks are ended."""
    made = Desk(metrics, registry)
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_places_are_given_at_once_up_to_the_limit(desk: Desk) -> None:
    """Who finds a place does not wait, and there are no more places than the limit."""
    admission = desk.board.of(view_of(2))
    first, _ = desk.fill(admission)
    assert admission.try_enter(desk.ask()) is None
    first.end(Outcome.SUCCESS)
    assert admission.try_enter(desk.ask()) is not None
    assert admission.in_flight == 2


async def test_a_permit_ends_once(desk: Desk) -> None:
    """Only the first end frees a place."""
    admission = desk.board.of(view_of(2))
    first, _ = desk.fill(admission)
    first.end(Outcome.SUCCESS)
    first.end(Outcome.DROPPED)
    assert admission.in_flight == 1


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


async def test_a_new_policy_keeps_who_is_in_flight(desk: Desk) -> None:
    """A raised limit lets waiters in; a lowered one waits for the ends."""
    admission = desk.board.of(view_of(1))
    desk.fill(admission, 1)
    waiting = await desk.queue(admission)
    assert desk.board.of(view_of(3)) is admission
    await waiting
    assert (admission.limit, admission.in_flight) == (3, 2)
    desk.board.learn(snapshot_of(view_of(1)))
    assert (admission.limit, admission.in_flight) == (1, 2)
    assert admission.try_enter(desk.ask()) is None


async def test_a_version_that_is_gone_is_forgotten(desk: Desk) -> None:
    """Its permits end well, and its gauges vanish."""
    admission = desk.board.of(view_of(2))
    first, _ = desk.fill(admission)
    admission.show()
    desk.board.learn(Snapshot())
    first.end(Outcome.SUCCESS)
    assert desk.board.statuses() == []
    assert value_of(desk.registry, "seawall_concurrency_limit", **LABELS) < 0


async def test_the_state_can_be_seen(desk: Desk) -> None:
    """What the admin API and the metrics show is what is so."""
    admission = desk.board.of(view_of(2))
    desk.teach(admission, 0.1)
    desk.fill(admission)
    await desk.queue(admission)
    (status,) = desk.board.statuses()
    assert (status.model, status.version, status.limit) == ("identity", 1, 2)
    assert (status.in_flight, status.queued) == (2, 1)
    assert status.rtt_ms == pytest.approx(100)
    assert (status.queue_ms, status.useful_batch) == (None, None)
    assert set(status.shed) == {"queue_full", "delay", "cannot_finish", "memory", "deadline"}
    admission.show()
    for name, value in [
        ("concurrency_limit", 2),
        ("admitted_in_flight", 2),
        ("queued_requests", 1),
    ]:
        assert value_of(desk.registry, f"seawall_{name}", **LABELS) == value


def stop(admission: Admission) -> None:
    """Check that nothing is left over."""
    assert (admission.in_flight, admission.queued) == (0, 0)
    if admission._timer is not None:
        admission._timer.cancel()


class Anything:
    """Callers, ends, cancellations and changes in any order."""

    def __init__(self, queue: QueuePolicy) -> None:
        self.clock, self.queue, self.limit = Clock(), queue, 2
        self.board = AdmissionBoard(GatewayMetrics(CollectorRegistry()), clock=self.clock)
        self.admission = self.board.of(view_of(self.limit, queue))
        self.tasks: list[asyncio.Task[Permit]] = []
        self.held: list[Permit] = []
        self.taken: set[int] = set()

    def enter(self, number: int) -> None:
        """Somebody comes, with a second of time."""
        priority = Priority(number % 3 + 1)
        ask = Ask("ab"[number % 2], priority, self.clock.now_s + 1.0)
        self.tasks.append(asyncio.create_task(self.admission.enter(ask)))

    def end(self, number: int) -> None:
        """Some call ends in some way."""
        if self.held:
            self.held.pop(number % len(self.held)).end(list(Outcome)[number % len(Outcome)])

    def cancel(self, number: int) -> None:
        """Some client leaves."""
        if self.tasks:
            self.tasks[number % len(self.tasks)].cancel()

    def wait(self, number: int) -> None:
        """Time goes by."""
        self.clock.now_s += (0.01, 0.2, 1.0)[number % 3]
        self.admission.expire()

    def limit_to(self, number: int) -> None:
        """Somebody changes the limit."""
        self.limit = number % 3 + 1
        self.board.of(view_of(self.limit, self.queue))

    def take(self) -> None:
        """Look who has got a permit."""
        for place, task in enumerate(self.tasks):
            has_come = task.done() and not task.cancelled() and task.exception() is None
            if has_come and place not in self.taken:
                self.taken.add(place)
                self.held.append(task.result())

    async def finish(self) -> None:
        """End what is held and let the others' time run out."""
        self.clock.now_s += 10.0
        self.admission.expire()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.take()
        for permit in self.held:
            permit.end(Outcome.SUCCESS)


ACTS = ("enter", "enter", "enter", "end", "cancel", "wait", "limit_to")
steps = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 11), st.booleans()), max_size=60)


@given(st.integers(0, 4), st.none() | st.just(0.005), steps)
def test_every_request_comes_to_one_end(
    size: int, target_s: float | None, steps: list[tuple[str, int, bool]]
) -> None:
    """Permit, refusal or cancellation, whatever happens in whatever order; then all is empty."""

    async def run() -> None:
        world = Anything(QueuePolicy(size, target_s, 0.1))
        for act, number, runs in steps:
            before = world.admission.in_flight
            getattr(world, act)(number)
            if runs:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            world.take()
            assert world.admission.in_flight <= max(world.limit, before)
        await world.finish()
        ends = [one.cancelled() or one.exception() or one.result() for one in world.tasks]
        assert all(isinstance(one, Permit | ControlError | bool) for one in ends)
        stop(world.admission)

    asyncio.run(run())
