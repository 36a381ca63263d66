"""Who waits for a place, and who goes next: by priority, fair between tenants, bounded.

It knows nothing of places. Newest-first under overload and shedding by delay are those of "Fail at
Scale" (Maurer, 2015): an old request's caller has likely given up, a new one's has not.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Generic, TypeVar

from control.core.due_times import DueTimes
from control.core.protection import Priority, QueuePolicy

T = TypeVar("T")


class Shed(Enum):
    """Why a request got no place."""

    QUEUE_FULL = "queue_full"
    DELAY = "delay"
    CANNOT_FINISH = "cannot_finish"
    MEMORY = "memory"
    DEADLINE = "deadline"


@dataclass(slots=True, eq=False)
class Waiter(Generic[T]):
    """One that waits; ``item`` is the caller's own."""

    item: T
    tenant: str
    priority: Priority
    deadline_s: float
    joined_s: float
    waiting: bool = False
    due_place: int = -1


class _Lane(Generic[T]):
    """The waiters of one priority: tenants in the order of their turns, each by age."""

    __slots__ = ("priority", "size", "tenants")

    def __init__(self, priority: Priority) -> None:
        self.priority = priority
        self.size = 0
        self.tenants: OrderedDict[str, OrderedDict[Waiter[T], None]] = OrderedDict()

    def put(self, waiter: Waiter[T]) -> None:
        self.tenants.setdefault(waiter.tenant, OrderedDict())[waiter] = None
        self.size += 1

    def remove(self, waiter: Waiter[T]) -> None:
        own = self.tenants[waiter.tenant]
        del own[waiter]
        if not own:
            del self.tenants[waiter.tenant]
        self.size -= 1

    def first(self, *, newest: bool) -> Waiter[T]:
        own = next(iter(self.tenants.values()))
        return next(reversed(own)) if newest else next(iter(own))

    def last_of_longest(self, *, newest: bool) -> Waiter[T]:
        """Give who would go last, of the tenant that has most waiters."""
        own = max(self.tenants.values(), key=len)
        return next(iter(own)) if newest else next(reversed(own))

    def longest_length(self) -> int:
        return max(map(len, self.tenants.values()))

    def ahead_of(self, tenant: str) -> int:
        """Count who surely goes before one more of this tenant while the oldest go first."""
        own = self.tenants.get(tenant)
        if not own:
            return 0
        return sum(min(len(own), len(waiters)) for waiters in self.tenants.values())


class WaitingLine(Generic[T]):
    """All times are given; ``policy`` may be replaced at any time."""

    def __init__(self, policy: QueuePolicy) -> None:
        """Begin empty."""
        self.policy = policy
        #: How many wait.
        self.size = 0
        self._lanes: tuple[_Lane[T], ...] = tuple(_Lane(one) for one in sorted(Priority))
        self._due = DueTimes[Waiter[T]]()
        self._busy_since_s = 0.0

    def __repr__(self) -> str:
        """One line for logs and tests."""
        sizes = ", ".join(f"{lane.size} {lane.priority.name.lower()}" for lane in self._lanes)
        return f"<WaitingLine {sizes}, {self.size} of {self.policy.max_queue_size}>"

    def join(self, newcomer: Waiter[T]) -> Waiter[T] | None:
        """Let somebody wait; give whom that pushed out, which may be the newcomer itself."""
        pushed = None
        if self.size >= self.policy.max_queue_size:
            pushed = self._pushed_by(newcomer)
            if pushed is newcomer:
                return newcomer
            self.leave(pushed)
        if not self.size:
            self._busy_since_s = newcomer.joined_s
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
        lane = next(lane for lane in self._lanes if lane.size)
        return lane.first(newest=self.is_overloaded(now_s))

    def serve(self, waiter: Waiter[T]) -> None:
        """Take out who has got a place; other tenants have their turns first from now on."""
        tenants = self._lanes[waiter.priority - 1].tenants
        tenants.move_to_end(waiter.tenant)
        self.leave(waiter)

    def is_overloaded(self, now_s: float) -> bool:
        """Whether somebody has been waiting all the time for ``interval_s``."""
        return self.size > 0 and now_s - self._busy_since_s >= self.policy.interval_s

    def take_due(self, now_s: float) -> list[tuple[Waiter[T], Shed]]:
        """Take out whose deadline has passed, and who is to be shed."""
        gone = []
        for waiter in self._due.due(now_s):
            self.leave(waiter)
            too_late = now_s >= waiter.deadline_s
            gone.append((waiter, Shed.DEADLINE if too_late else Shed.DELAY))
        return gone

    def next_due_s(self) -> float | None:
        """Give when ``take_due`` should be called next at the latest."""
        first_s = self._due.first_s()
        return None if first_s == inf else first_s

    def ahead_of(self, tenant: str, priority: Priority, now_s: float) -> int:
        """Count who surely goes before one more of this tenant; the true number may be greater."""
        ahead = sum(lane.size for lane in self._lanes if lane.priority < priority)
        if not self.is_overloaded(now_s):
            ahead += self._lanes[priority - 1].ahead_of(tenant)
        return ahead

    def _due_s(self, waiter: Waiter[T]) -> float:
        """Give when the waiter has to go: for good, as the line is not empty while it waits."""
        if waiter.priority is Priority.HIGH:
            return waiter.deadline_s
        target_s = self.policy.target_delay_s
        if target_s is None:
            target_s = (waiter.deadline_s - waiter.joined_s) / 2
        overloaded_s = self._busy_since_s + self.policy.interval_s
        return min(waiter.deadline_s, max(waiter.joined_s + target_s, overloaded_s))

    def _pushed_by(self, newcomer: Waiter[T]) -> Waiter[T]:
        """Choose who gives way in a full line: who would go last, so nobody's turn comes later."""
        lowest = next((lane for lane in reversed(self._lanes) if lane.size), None)
        if lowest is None or lowest.priority < newcomer.priority:
            return newcomer
        newest = self.is_overloaded(newcomer.joined_s)
        if lowest.priority > newcomer.priority:
            return lowest.last_of_longest(newest=newest)
        # Of equal priority only a tenant with more waiters gives way: a flood pays for itself.
        own = len(lowest.tenants.get(newcomer.tenant, ()))
        if lowest.size > len(lowest.tenants) and lowest.longest_length() > own + 1:
            return lowest.last_of_longest(newest=newest)
        return newcomer
