"""Those of one priority who wait: whose turn it is, and whether they wait too long.

It knows neither the other priorities nor how fast places become free.
"""

from collections import OrderedDict
from dataclasses import dataclass
from math import inf
from typing import Final, Generic, TypeVar

from control.core.protection import Priority

T = TypeVar("T")

#: Each time the line becomes overloaded its predictions were too short by some part. They are
#: corrected by this factor, up to the greatest, and half of that is forgotten in this time.
_MORE_CAUTION: Final = 1.5
_MOST_CAUTION: Final = 2.0
_CAUTION_HALVED_S: Final = 30.0


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


class WaitingLane(Generic[T]):
    """Tenants in the order of their turns, each one's waiters by age."""

    __slots__ = (
        "_caution",
        "_late",
        "_overloaded_s",
        "_overloaded_until_s",
        "_rounds",
        "_tenants",
        "priority",
        "turns",
        "waiters",
    )

    def __init__(self, priority: Priority) -> None:
        """Begin empty."""
        self.priority = priority
        #: Everybody, by age.
        self.waiters: OrderedDict[Waiter[T], None] = OrderedDict()
        #: How many places went here lately, beside the other priorities.
        self.turns = 0.0
        self._tenants: OrderedDict[str, OrderedDict[Waiter[T], None]] = OrderedDict()
        # How many tenants have a first waiter, a second one, and so on.
        self._rounds: list[int] = []
        # Who has waited for longer than its target delay, while older ones had not.
        self._late: dict[Waiter[T], None] = {}
        self._caution = 1.0
        self._overloaded_s = self._overloaded_until_s = -inf

    def put(self, waiter: Waiter[T]) -> None:
        """Let somebody wait."""
        own = self._tenants.get(waiter.tenant)
        if own is None:
            own = self._tenants[waiter.tenant] = OrderedDict()
        if len(own) == len(self._rounds):
            self._rounds.append(0)
        self._rounds[len(own)] += 1
        own[waiter] = self.waiters[waiter] = None

    def remove(self, waiter: Waiter[T]) -> None:
        """Take out who waits here."""
        own = self._tenants[waiter.tenant]
        del own[waiter], self.waiters[waiter]
        self._late.pop(waiter, None)
        self._rounds[len(own)] -= 1
        if not self._rounds[-1]:
            self._rounds.pop()
        if not own:
            del self._tenants[waiter.tenant]

    def is_overloaded(self, now_s: float) -> bool:
        """Whether somebody has waited for too long a moment ago."""
        return now_s < self._overloaded_until_s

    def caution(self, now_s: float) -> float:
        """Give the factor by which waits may be longer than predicted, as has been seen."""
        passed = (now_s - self._overloaded_s) / _CAUTION_HALVED_S
        return 1.0 + (self._caution - 1.0) / (1.0 + passed)

    def first(self, now_s: float) -> Waiter[T]:
        """Give whose turn it is: the oldest of the tenant, or under overload the newest."""
        own = next(iter(self._tenants.values()))
        return next(reversed(own)) if self.is_overloaded(now_s) else next(iter(own))

    def pass_turn(self, tenant: str) -> None:
        """Let the other tenants go first from now on."""
        self._tenants.move_to_end(tenant)
        self.turns += 1.0

    def outnumbers(self, tenant: str) -> bool:
        """Whether some other tenant would have more waiters even if this one had one more."""
        return len(self._rounds) > len(self._tenants.get(tenant, ())) + 1

    def last_of_longest(self, now_s: float) -> Waiter[T]:
        """Give who would go last, of the tenant that has most waiters."""
        own = max(self._tenants.values(), key=len)
        return next(iter(own)) if self.is_overloaded(now_s) else next(reversed(own))

    def ahead_of(self, tenant: str) -> int:
        """Count who goes before one more of this tenant, in rounds and the oldest first."""
        rounds = self._rounds
        own = len(self._tenants.get(tenant, ()))
        if 2 * own < len(rounds):
            return sum(rounds[: own + 1])
        return len(self.waiters) - sum(rounds[own + 1 :])

    def shed_late(self, waiter: Waiter[T], now_s: float, interval_s: float) -> list[Waiter[T]]:
        """Give who is to go, now that this one has waited for longer than its target delay."""
        if not self.is_overloaded(now_s):
            if waiter is not next(iter(self.waiters)):
                self._late[waiter] = None
                return []
            self._caution = min(self.caution(now_s) * _MORE_CAUTION, _MOST_CAUTION)
            self._overloaded_s = now_s
        self._overloaded_until_s = now_s + interval_s
        return [waiter, *self._late]
