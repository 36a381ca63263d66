"""Who gets in, what changes while somebody is in, and that nobody is ever lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from control.core.outcome import Outcome
from control.core.protection import Priority, QueuePolicy
from control.core.snapshot import Snapshot
from control.errors import ControlError
from control.gateway.protection.admission import AdmissionBoard, Ask, Permit
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import snapshot_of, value_of
from tests.gateway.protection.admission_desk import LABELS, Clock, Desk, stop, view_of


@pytest.fixture
async def desk(metrics: GatewayMetrics, registry: CollectorRegistry) -> AsyncIterator[Desk]:
    """A desk whose tasks are ended."""
    made = Desk(metrics, registry)
    yield made
    await made.close()


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
