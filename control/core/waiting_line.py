"""Who waits for a place, and who goes next: by priority, fair between tenants, bounded.

It knows nothing of places, only how fast they become free. Newest-first under overload is that of
"Fail at Scale" (Maurer, 2015): an old request's caller has likely given up, a new one's has not.
"""

from enum import StrEnum
from math import inf, sqrt
from typing import Final, Generic, TypeVar

from control.core.due_times import DueTimes
from control.core.protection import Priority, QueuePolicy
from control.core.waiting_lane import Waiter, WaitingLane

T = TypeVar("T")

#: Places become free irregularly: a wait may come to so many standard deviations more than the
#: mean, if the ends of calls are independent.
_DEVIATIONS: Final = 2.0
#: What part of its target delay may be predicted for one who comes while the line is overloaded:
#: else those who are let in then would be the next to wait too long.
_PART_UNDER_OVERLOAD: Final = 0.5
#: So many turns tell which part of them goes to each priority, as soon as there are some.
_TURNS_REMEMBERED: Final = 256.0
_TURNS_TO_BELIEVE: Final = 10.0


class Shed(StrEnum):
    """Why a request got no place.

    CANNOT_FINISH is said at once, by prediction; DELAY to one that has waited in vain.
    """

    QUEUE_FULL = "queue_full"
    DELAY = "delay"
    CANNOT_FINISH = "cannot_finish"
    MEMORY = "memory"
    DEADLINE = "deadline"


class WaitingLine(Generic[T]):
    """All times are given; ``policy`` may be replaced at any time."""

    def __init__(self, policy: QueuePolicy) -> None:
        """Begin empty."""
        self.policy = policy
        #: How many wait.
        self.size = 0
        self._lanes: tuple[WaitingLane[T], ...] = tuple(
            WaitingLane(one) for one in sorted(Priority)
        )
        self._due = DueTimes[Waiter[T]]()
        self._turns = 0.0  # of all lanes

    def __repr__(self) -> str:
        """One line for logs and tests."""
        sizes = ", ".join(
            f"{len(lane.waiters)} {lane.priority.name.lower()}" for lane in self._lanes
        )
        return f"<WaitingLine {sizes}, {self.size} of {self.policy.max_queue_size}>"

    def join(self, newcomer: Waiter[T]) -> Waiter[T] | None:
        """Let somebody wait; give whom that pushed out, which may be the newcomer itself."""
        pushed = None
        if self.size >= self.policy.max_queue_size:
            pushed = self._gives_way(newcomer.tenant, newcomer.priority, newcomer.joined_s)
            if pushed is None:
                return newcomer
            self.leave(pushed)
        if not self.size:
            self._forget_turns(0.0)
        newcomer.waiting = True
        self._lanes[newcomer.priority - 1].put(newcomer)
        self.size += 1
        newcomer.due_place = self._due.add(self._due_s(newcomer), newcomer)
        return pushed

    def leave(self, waiter: Waiter[T]) -> None:
        """Take somebody out who waits no more; whoever is not in the line any more is no fault."""
        if waiter.waiting:
            waiter.waiting = False
            self._due.remove(waiter.due_place)
            self._lanes[waiter.priority - 1].remove(waiter)
            self.size -= 1

    def next_waiter(self, now_s: float) -> Waiter[T]:
        """Give who goes next, of a line that is not empty; it stays there until ``serve``."""
        lane = next(lane for lane in self._lanes if lane.waiters)
        return lane.first(now_s)

    def serve(self, waiter: Waiter[T]) -> None:
        """Take out who has got a place; other tenants have their turns first from now on."""
        lane = self._lanes[waiter.priority - 1]
        lane.pass_turn(waiter.tenant)
        self.leave(waiter)
        self._turns += 1.0
        if self._turns > _TURNS_REMEMBERED:
            self._forget_turns(0.5)

    def take_due(self, now_s: float) -> list[tuple[Waiter[T], Shed]]:
        """Take out whose deadline has passed, and who is to be shed."""
        due = self._due.due(now_s)
        gone = [(one, Shed.DEADLINE) for one in due if now_s >= one.deadline_s]
        for one, _ in gone:
            self.leave(one)
        for one in due:
            if one.waiting:
                gone += [(each, Shed.DELAY) for each in self._shed_late(one, now_s)]
        return gone

    def next_due_s(self) -> float | None:
        """Give when ``take_due`` should be called next at the latest."""
        first_s = self._due.first_s()
        return None if first_s == inf else first_s

    def is_full_for(self, tenant: str, priority: Priority, now_s: float) -> bool:
        """Whether one more of this tenant would be turned away, as nobody gives way to it."""
        full = self.size >= self.policy.max_queue_size
        return full and self._gives_way(tenant, priority, now_s) is None

    def wait_s(self, tenant: str, priority: Priority, rate: float) -> float:
        """Predict how long one more of this tenant waits, if ``rate`` places a second free up.

        High priority is told the mean. The others are told what it may well come to, and that
        those who matter more go on coming as they did.
        """
        lane = self._lanes[priority - 1]
        ahead = lane.ahead_of(tenant)
        if priority is Priority.HIGH:
            return ahead / rate
        others = 0.0
        for higher in self._lanes[: priority - 1]:
            ahead += len(higher.waiters)
            others += higher.turns
        own_part = 1.0 - others / (self._turns + _TURNS_TO_BELIEVE)
        return (ahead + _DEVIATIONS * sqrt(ahead)) / (rate * own_part)

    def patience_s(self, priority: Priority, left_s: float, now_s: float) -> float:
        """Give the longest predicted wait with which somebody may join who has ``left_s``."""
        if priority is Priority.HIGH:
            return left_s
        lane = self._lanes[priority - 1]
        target_s = self._target_s(left_s) / lane.caution(now_s)
        return target_s * _PART_UNDER_OVERLOAD if lane.is_overloaded(now_s) else target_s

    def _shed_late(self, waiter: Waiter[T], now_s: float) -> list[Waiter[T]]:
        """Take out who is to be shed now that this one has waited too long, if anybody is."""
        lane = self._lanes[waiter.priority - 1]
        shed = lane.shed_late(waiter, now_s, self.policy.interval_s)
        for one in shed:
            self.leave(one)
        if not shed:
            self._due.remove(waiter.due_place)
            waiter.due_place = self._due.add(waiter.deadline_s, waiter)
        return shed

    def _forget_turns(self, kept: float) -> None:
        self._turns *= kept
        for lane in self._lanes:
            lane.turns *= kept

    def _target_s(self, left_s: float) -> float:
        target_s = self.policy.target_delay_s
        return left_s / 2.0 if target_s is None else target_s

    def _due_s(self, waiter: Waiter[T]) -> float:
        """Give when the waiter has to go, if it has got no place by then."""
        if waiter.priority is Priority.HIGH:
            return waiter.deadline_s
        target_s = self._target_s(waiter.deadline_s - waiter.joined_s)
        return min(waiter.deadline_s, waiter.joined_s + target_s)

    def _gives_way(self, tenant: str, priority: Priority, now_s: float) -> Waiter[T] | None:
        """Choose who gives way in a full line: who would go last, so nobody's turn comes later."""
        lowest = next((lane for lane in reversed(self._lanes) if lane.waiters), None)
        if lowest is None or lowest.priority < priority:
            return None
        if lowest.priority > priority:
            return lowest.last_of_longest(now_s)
        # Of equal priority only a tenant with more waiters gives way: a flood pays for itself.
        return lowest.last_of_longest(now_s) if lowest.outnumbers(tenant) else None
