"""Who goes next, who is pushed out, and when somebody's time is over."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.protection import QueuePolicy
from control.core.waiting_line import Shed
from tests.core.line_of_names import HIGH, LOW, NORMAL, QUICK, Line


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


def test_a_line_that_moves_is_served_by_age() -> None:
    """However long there has been a line, without overload the oldest goes first."""
    line = Line(QUICK)
    for number in range(1000):
        line.add(str(number), number / 1000)
        if line.size == 3:
            assert line.next_waiter(number / 1000).item == str(number - 2)
            line.serve(line.next_waiter(number / 1000))


def test_who_waits_for_longer_than_its_target_is_shed() -> None:
    """It was let in by a wrong prediction, and has less and less use of an answer."""
    line = Line(QUICK)
    line.add("old")
    line.add("new", 0.004)
    assert line.take_due(0.0049) == []
    assert [(one.item, why) for one, why in line.take_due(0.005)] == [("old", Shed.DELAY)]
    assert line.next_due_s() == pytest.approx(0.009)
    assert [one.item for one, _ in line.take_due(0.0091)] == ["new"]


def test_after_somebody_has_waited_too_long_the_newest_go_first() -> None:
    """Until nobody has done so for the interval; then the oldest again."""
    line = Line(QueuePolicy(interval_s=0.1))
    line.add("late", deadline_s=1.0)
    for name in "abc":
        line.add(name, 0.4)
    assert line.next_waiter(0.49).item == "late"
    assert [one.item for one, _ in line.take_due(0.5)] == ["late"]
    assert line.next_waiter(0.5).item == "c"
    assert line.next_waiter(0.599).item == "c"
    assert line.next_waiter(0.6).item == "a"


def test_one_who_is_impatient_does_not_turn_the_line() -> None:
    """While the oldest has not waited for too long, others who have wait on for their turn."""
    line = Line(QueuePolicy())
    line.add("patient", deadline_s=60.0)
    line.add("hasty", deadline_s=1.0)
    line.add("last", deadline_s=60.0)
    assert line.take_due(0.5) == []
    assert line.next_waiter(0.6).item == "patient"
    assert line.next_due_s() == 1.0
    assert [(one.item, why) for one, why in line.take_due(1.0)] == [("hasty", Shed.DEADLINE)]
    assert line.next_waiter(1.0).item == "patient"


def test_under_overload_all_who_have_waited_too_long_go() -> None:
    """The impatient too, who had been let wait on."""
    line = Line(QueuePolicy())
    line.add("oldest", deadline_s=2.0)
    line.add("hasty", deadline_s=1.8)
    line.add("gone", deadline_s=1.8)
    line.add("patient", deadline_s=60.0)
    assert line.take_due(0.9) == []
    line.leave(next(one for one in line._lanes[1].waiters if one.item == "gone"))
    assert [one.item for one, _ in line.take_due(1.0)] == ["oldest", "hasty"]
    assert line.serve_all(1.0) == ["patient"]


def test_one_priority_does_not_turn_the_other() -> None:
    """Low priority that starves is no reason to serve the newest of normal priority."""
    line = Line(QUICK)
    line.add("l", priority=LOW)
    line.add("a", 0.003)
    line.add("b", 0.003)
    assert [one.item for one, _ in line.take_due(0.005)] == ["l"]
    assert line.next_waiter(0.005).item == "a"


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
    for overloaded, gone in [(False, "l2"), (True, "l1")]:
        line = Line(QUICK)
        if overloaded:
            line.add("late", -0.005, priority=LOW)
            assert line.take_due(0.0)
        line.add("n")
        line.add("l1", 0.001, priority=LOW)
        line.add("l2", 0.002, priority=LOW)
        line.add("h", priority=HIGH)
        pushed = line.add("newcomer", 0.003, priority=NORMAL)
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


def test_a_line_says_who_waits() -> None:
    """By priority, for logs."""
    line = Line(QUICK)
    line.add("a", priority=LOW)
    assert repr(line) == "<WaitingLine 0 high, 0 normal, 1 low, 1 of 4>"


def test_those_who_left_are_forgotten() -> None:
    """A line through which many have gone holds none of them."""
    line = Line(QueuePolicy())
    for number in range(10_000):
        line.add(str(number))
        line.serve_all()
    assert len(line._due._items) == 64
    assert set(line._due._items) == {None}


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
