"""Who goes next, who is pushed out, and when somebody's time is over."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from control.core.protection import Priority, QueuePolicy
from control.core.waiting_line import Shed, Waiter, WaitingLine

HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW
QUICK = QueuePolicy(max_queue_size=4, target_delay_s=0.005, interval_s=0.1)


class Line(WaitingLine[str]):
    """A line of names."""

    def add(
        self,
        name: str,
        now_s: float = 0.0,
        *,
        tenant: str = "acme",
        priority: Priority = NORMAL,
        deadline_s: float = 60.0,
    ) -> Waiter[str] | None:
        """Join, and tell who was pushed out."""
        return self.join(Waiter(name, tenant, priority, deadline_s, now_s))

    def serve_all(self, now_s: float = 0.0) -> list[str]:
        """Serve until nobody waits."""
        served = []
        while self.size:
            waiter = self.next_waiter(now_s)
            self.serve(waiter)
            served.append(waiter.item)
        return served


def test_the_oldest_goes_first() -> None:
    """Without overload, whoever came first is next."""
    line = Line(QueuePolicy())
    for name in "abc":
        line.add(name)
    assert line.serve_all() == ["a", "b", "c"]


def test_priority_is_strict() -> None:
    """Nobody goes before one who matters more."""
    line = Line(QueuePolicy())
    for name, priority in [("l", LOW), ("n", NORMAL), ("h", HIGH), ("m", NORMAL)]:
        line.add(name, priority=priority)
    assert line.serve_all() == ["h", "n", "m", "l"]


def test_tenants_take_turns() -> None:
    """One tenant's crowd does not make another's single request wait."""
    line = Line(QueuePolicy())
    for name in ("a1", "a2", "a3", "a4"):
        line.add(name, tenant="a")
    for name in ("b1", "b2"):
        line.add(name, tenant="b")
    line.add("c1", tenant="c")
    assert line.serve_all() == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_under_overload_the_newest_goes_first() -> None:
    """Once somebody has waited all the interval, old requests have likely been given up."""
    line = Line(QueuePolicy(interval_s=0.1))
    for number, name in enumerate("abc"):
        line.add(name, number / 1000)
    assert line.next_waiter(0.09).item == "a"
    assert line.next_waiter(0.1).item == "c"


def test_an_empty_line_ends_the_overload() -> None:
    """What has been empty in between begins anew."""
    line = Line(QUICK)
    line.add("a")
    assert line.is_overloaded(0.1)
    line.serve_all(0.1)
    line.add("b", 0.15)
    assert not line.is_overloaded(0.2)
    assert line.is_overloaded(0.25)


def test_who_waits_too_long_under_overload_is_shed() -> None:
    """Beyond the target delay, but not before the line has been busy for the interval."""
    line = Line(QUICK)
    line.add("old")
    line.add("new", 0.097)
    assert line.take_due(0.099) == []
    assert [(one.item, why) for one, why in line.take_due(0.1)] == [("old", Shed.DELAY)]
    assert line.next_due_s() == pytest.approx(0.102)
    assert [one.item for one, _ in line.take_due(0.1021)] == ["new"]


def test_without_a_target_one_may_wait_for_half_of_its_time() -> None:
    """Whoever has a minute is not turned away after milliseconds."""
    line = Line(QueuePolicy(target_delay_s=None, interval_s=0.1))
    line.add("patient", deadline_s=60.0)
    line.add("hasty", deadline_s=1.0)
    assert [one.item for one, _ in line.take_due(0.5)] == ["hasty"]
    assert line.next_due_s() == 30.0


def test_high_priority_is_never_shed_by_delay() -> None:
    """It goes at its own deadline and not before."""
    line = Line(QUICK)
    line.add("h", priority=HIGH, deadline_s=5.0)
    assert line.take_due(4.99) == []
    assert [why for _, why in line.take_due(5.0)] == [Shed.DEADLINE]


def test_a_full_line_refuses_the_newcomer() -> None:
    """Of equals, those who wait already stay."""
    line = Line(QUICK)
    for name in "abcd":
        assert line.add(name) is None
    pushed = line.add("e")
    assert pushed is not None
    assert pushed.item == "e"
    assert line.serve_all() == ["a", "b", "c", "d"]


def test_a_line_of_no_length_refuses_everybody() -> None:
    """Nobody waits where nobody may."""
    pushed = Line(QueuePolicy(max_queue_size=0)).add("a", priority=HIGH)
    assert pushed is not None
    assert pushed.item == "a"


def test_in_a_full_line_the_last_of_the_lowest_gives_way() -> None:
    """Who would have gone last loses least: newest or oldest, as the line is served."""
    for now_s, gone in [(0.01, "l2"), (0.2, "l1")]:
        line = Line(QUICK)
        line.add("n")
        line.add("l1", 0.001, priority=LOW)
        line.add("l2", 0.002, priority=LOW)
        line.add("h", priority=HIGH)
        pushed = line.add("newcomer", now_s, priority=NORMAL)
        assert pushed is not None
        assert pushed.item == gone


def test_a_flood_gives_way_to_other_tenants() -> None:
    """In a full line the tenant with most waiters makes room until all are even."""
    line = Line(QUICK)
    for name in ("a1", "a2", "a3", "a4"):
        line.add(name, tenant="a")
    pushed = [line.add(name, tenant="b") for name in ("b1", "b2", "b3")]
    assert [one.item for one in pushed if one] == ["a4", "a3", "b3"]


def test_who_has_left_is_not_due() -> None:
    """Leaving is final, and leaving twice is no fault."""
    line = Line(QUICK)
    line.add("a")
    waiter = line.next_waiter(0.0)
    line.leave(waiter)
    line.leave(waiter)
    assert line.size == 0
    assert line.next_due_s() is None
    assert line.take_due(100.0) == []


def test_those_who_left_are_forgotten() -> None:
    """A line through which many have gone holds none of them."""
    line = Line(QueuePolicy())
    for number in range(10_000):
        line.add(str(number))
        line.serve_all()
    assert len(line._due._items) == 64
    assert set(line._due._items) == {None}


def test_who_surely_goes_first_is_counted() -> None:
    """All that matter more, and of each tenant as many as one's own."""
    line = Line(QueuePolicy())
    for _ in range(3):
        line.add("h", tenant="x", priority=HIGH)
    for _ in range(5):
        line.add("a", tenant="a")
    for _ in range(2):
        line.add("b", tenant="b")
    assert line.ahead_of("a", NORMAL, 0.0) == 3 + 5 + 2
    assert line.ahead_of("b", NORMAL, 0.0) == 3 + 2 + 2
    assert line.ahead_of("new", NORMAL, 0.0) == 3
    assert line.ahead_of("x", HIGH, 0.0) == 3
    assert line.ahead_of("a", NORMAL, 10.0) == 3


@given(st.lists(st.sampled_from("abcd"), max_size=60), st.integers(1, 40))
def test_no_tenant_is_served_twice_before_another_once(tenants: list[str], served: int) -> None:
    """While they all wait, tenants differ by one served request at most."""
    line = Line(QueuePolicy())
    for number, tenant in enumerate(tenants):
        line.add(f"{tenant}{number}", tenant=tenant)
    waiting, count = Counter(tenants), Counter[str]()
    for _ in range(min(served, len(tenants))):
        waiter = line.next_waiter(0.0)
        line.serve(waiter)
        count[waiter.tenant] += 1
        still = [one for one in waiting if waiting[one] > count[one]]
        assert max(count.values()) - min([count[one] for one in still], default=10**9) <= 1


class LineMachine(RuleBasedStateMachine):
    """Any order of everything that can happen to a line."""

    @initialize(
        size=st.integers(0, 6), target_s=st.none() | st.just(0.005), interval_s=st.just(0.1)
    )
    def begin(self, size: int, target_s: float | None, interval_s: float) -> None:
        """Begin with some policy."""
        self.line = WaitingLine[int](QueuePolicy(size, target_s, interval_s))
        self.now_s = 0.0
        self.waiting: dict[int, Waiter[int]] = {}
        self.number = 0

    @rule(
        tenant=st.sampled_from("ab"), priority=st.sampled_from(Priority), time_s=st.floats(0.01, 2)
    )
    def join(self, tenant: str, priority: Priority, time_s: float) -> None:
        """Somebody comes; whoever is pushed out matters no more than they."""
        self.number += 1
        newcomer = Waiter(self.number, tenant, priority, self.now_s + time_s, self.now_s)
        pushed = self.line.join(newcomer)
        self.waiting[self.number] = newcomer
        if pushed is not None:
            assert pushed.priority >= priority
            del self.waiting[pushed.item]

    @precondition(lambda self: self.waiting)
    @rule()
    def serve(self) -> None:
        """Somebody gets a place: nobody who waits matters more."""
        waiter = self.line.next_waiter(self.now_s)
        assert waiter.priority == min(one.priority for one in self.waiting.values())
        self.line.serve(waiter)
        del self.waiting[waiter.item]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody is not there any more."""
        self.line.leave(self.waiting.pop(data.draw(st.sampled_from(sorted(self.waiting)))))

    @rule(seconds=st.floats(0.001, 0.5))
    def wait(self, seconds: float) -> None:
        """Time goes by: nobody stays beyond a deadline, nobody high is shed."""
        self.now_s += seconds
        for waiter, reason in self.line.take_due(self.now_s):
            del self.waiting[waiter.item]
            assert reason is Shed.DEADLINE or waiter.priority is not HIGH
            assert (reason is Shed.DEADLINE) == (self.now_s >= waiter.deadline_s)
        assert all(one.deadline_s > self.now_s for one in self.waiting.values())

    @invariant()
    def nobody_is_lost(self) -> None:
        """The line holds exactly those who have not come to an end, and never too many."""
        if hasattr(self, "line"):
            assert self.line.size == len(self.waiting)
            assert self.line.size <= self.line.policy.max_queue_size
            assert sum(lane.size for lane in self.line._lanes) == self.line.size
            assert all(one.waiting for one in self.waiting.values())


TestLineMachine = LineMachine.TestCase
