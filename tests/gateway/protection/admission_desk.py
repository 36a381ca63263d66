"""A desk that admits requests under a clock, and all that was started at it."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry

from control.core.memory_budget import Reservoir
from control.core.outcome import Outcome
from control.core.protection import ConcurrencyPolicy, Priority, Protection, QueuePolicy
from control.core.snapshot import VersionView
from control.gateway.protection.admission import Admission, AdmissionBoard, Ask, Permit
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view, value_of
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

    async def close(self) -> None:
        """End whatever still waits."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def stop(admission: Admission) -> None:
    """Check that nothing is left over."""
    assert (admission.in_flight, admission.queued) == (0, 0)
    if admission._timer is not None:
        admission._timer.cancel()
