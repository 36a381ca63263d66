import pytest

from control.quotas.key_slots import TableFull
from control.quotas.shared_counters import SharedCounters
from tests.quotas.conftest import MakeCounters


def test_workers_share_a_limit(make_counters: MakeCounters) -> None:
    """A place that one worker gives back can be taken by another."""
    one, other = make_counters().in_flight, make_counters().in_flight
    mine, theirs = one.key("a"), other.key("a")
    assert [one.acquire(mine, 2), other.acquire(theirs, 2)] == [True, True]
    assert not one.acquire(mine, 2)
    other.release(theirs)
    assert one.acquire(mine, 2)
    assert other.count(theirs) == 2


def test_a_slot_is_used_again(counters: SharedCounters) -> None:
    """Keys that have nothing in flight leave their slots to others."""
    flight = counters.in_flight
    for number in range(10_000):
        key = flight.key(f"key {number}")
        assert flight.acquire(key, 1)
        flight.release(key)


def test_a_full_table_says_so(counters: SharedCounters) -> None:
    """More keys in flight than slots raise, and take nothing from those that have one."""
    flight = counters.in_flight

    def fill() -> None:
        for number in range(10_000):
            assert flight.acquire(flight.key(f"key {number}"), 1)

    with pytest.raises(TableFull):
        fill()
    assert not flight.acquire(flight.key("key 0"), 1)


def test_requests_of_a_dead_worker_are_not_held_against_others(
    make_counters: MakeCounters,
) -> None:
    """Until a successor has come, too: who holds no region any more has nothing in flight."""
    one, other = make_counters(), make_counters()
    assert one.in_flight.acquire(one.in_flight.key("a"), 1)
    key = other.in_flight.key("a")
    assert not other.in_flight.acquire(key, 1)
    one.close()
    assert other.in_flight.acquire(key, 1)
