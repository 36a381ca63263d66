import bisect
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.quotas.key_slots import TableFull
from control.quotas.shared_counters import SharedCounters
from control.quotas.windows import BUCKETS, SlidingWindows
from tests.quotas.conftest import Clock, MakeCounters
from tests.quotas.interleaving import stepped_workers

#: A window is counted for one bucket longer than it is.
COUNTED_S = 1 + 1 / BUCKETS


def held_in(let_in: Sequence[float], start_s: float, seconds: float) -> int:
    """How many of these times lie in the stretch from ``start_s`` on."""
    return bisect.bisect_left(let_in, start_s + seconds) - bisect.bisect_left(let_in, start_s)


def take(windows: SlidingWindows, limit: int, amount: int = 1, window_s: int = 1) -> bool:
    """Take from the one key of these tests."""
    return windows.take(windows.key("a"), limit, window_s, amount)


def fill(windows: SlidingWindows) -> str:
    """Take for ever new keys until one finds no slot; give that one."""
    number = 0
    while True:
        number += 1
        try:
            windows.take(windows.key(f"key {number}"), 1, 1, 1)
        except TableFull:
            return f"key {number}"


def saturate(
    workers: Sequence[SlidingWindows], clock: Clock, limit: int, seconds: float
) -> list[float]:
    """When a caller is let in that always wants more, a thousand times a second, by any worker."""
    draws = random.Random(0)
    let_in = []
    end_s = clock.now_s + seconds
    while clock.now_s < end_s:
        if take(draws.choice(workers), limit):
            let_in.append(clock.now_s)
        clock.advance(draws.expovariate(1000.0))
    return let_in


@pytest.mark.parametrize("phase_s", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("before", [0, 1, 30])
def test_a_saturating_caller_gets_its_rate(
    make_counters: MakeCounters, clock: Clock, phase_s: float, before: int
) -> None:
    """No second is above the limit, ten are within 5 % of it, and so is each after the first two.

    Whatever came before, and whenever it starts.
    """
    workers = [make_counters().windows, make_counters().windows]
    clock.advance(phase_s)
    earlier = [clock.now_s for _ in range(before) if take(workers[0], 50)]
    clock.advance(0.9)
    start_s = clock.now_s
    let_in = earlier + saturate(workers, clock, 50, 13.0)
    assert max(held_in(let_in, one_s, 1.0) for one_s in let_in) <= 50
    assert 475 <= held_in(let_in, start_s, 10.0) <= 525
    starts_s = [start_s + 2.0 + 0.01 * number for number in range(1000)]
    assert min(held_in(let_in, one_s, 1.0) for one_s in starts_s) >= 47


@pytest.mark.parametrize("limit", [1, 3, 60, 1000])
def test_any_rate_is_kept(counters: SharedCounters, clock: Clock, limit: int) -> None:
    """Limits below and above the number of buckets give their rate too."""
    let_in = saturate([counters.windows], clock, limit, 6.0 if limit == 1000 else 11.0)
    seconds = 5 if limit == 1000 else 10
    assert max(held_in(let_in, one_s, 1.0) for one_s in let_in) <= limit
    got = held_in(let_in, let_in[0], seconds)
    assert limit * seconds * 0.9 <= got <= limit * seconds


arrivals = st.lists(
    st.tuples(st.floats(0.0, 0.6), st.integers(0, 1), st.integers(1, 6)), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(arrivals, st.integers(1, 12))
def test_who_stays_within_its_limit_is_never_refused(
    arrivals: list[tuple[float, int, int]], limit: int
) -> None:
    """A refusal has a reason: the window is full, or was within the last one."""
    clock = Clock()
    _, made = stepped_workers(2, clock)
    let_in: list[tuple[float, int]] = []
    full_s = 0.0
    for wait_s, worker, amount in arrivals:
        clock.advance(wait_s)
        recent = [n for at_s, n in let_in if at_s > clock.now_s - COUNTED_S - 1e-6]
        if take(made[worker].windows, limit, amount):
            let_in.append((clock.now_s, amount))
            held = [n for at_s, n in let_in if at_s > clock.now_s - 1.0 + 1e-6]
            assert sum(held) <= limit
        else:
            full = sum(recent) + amount > limit
            assert full or (amount == 1 and clock.now_s - full_s <= COUNTED_S + 1e-6)
            full_s = clock.now_s if full and amount == 1 else full_s


def test_an_amount_is_taken_whole_or_not_at_all(counters: SharedCounters) -> None:
    """What does not fit leaves room for what does."""
    assert take(counters.windows, 10, 6)
    assert not take(counters.windows, 10, 5)
    assert take(counters.windows, 10, 4)
    assert counters.windows.used(counters.windows.key("a"), 1) == 10


def test_what_leaves_is_foretold(make_counters: MakeCounters, clock: Clock) -> None:
    """The seconds until an amount has left the window are right to a bucket, over all workers."""
    one, other = make_counters().windows, make_counters().windows
    take(one, 100, 10, 60)
    clock.advance(20.0)
    take(other, 100, 30, 60)
    key = one.key("a")
    assert one.seconds_until_less(key, 60, 10) == pytest.approx(40.0, abs=0.61)
    assert one.seconds_until_less(key, 60, 11) == pytest.approx(60.0, abs=0.61)
    clock.advance(one.seconds_until_less(key, 60, 10))
    assert one.used(key, 60) == 30


def test_a_limit_may_change(counters: SharedCounters, clock: Clock) -> None:
    """What has been counted stays counted when the limit rises or falls."""
    assert [take(counters.windows, 2) for _ in range(3)] == [True, True, False]
    assert take(counters.windows, 4, 2)
    assert not take(counters.windows, 3)
    clock.advance(1.02)
    assert take(counters.windows, 3, 3)


def test_a_rest_of_any_length_is_counted_right(counters: SharedCounters, clock: Clock) -> None:
    """A slot is right after rests shorter and longer than its window and its ring."""
    for rest_s in (0.01, 0.5, 0.99, 1.0, 1.02, 1.27, 1.28, 1.29, 1.5, 2.56, 5.0, 3600.0):
        assert take(counters.windows, 100, 7)
        clock.advance(rest_s)
        assert take(counters.windows, 100, 3)
        expected = 10 if rest_s <= 1.0 else 3
        assert counters.windows.used(counters.windows.key("a"), 1) == expected
        clock.advance(2.0)


def test_many_keys_are_kept_apart(counters: SharedCounters) -> None:
    """Thousands of keys in one table have a count each."""
    keys = [counters.windows.key(f"key {number}") for number in range(2000)]
    for number, key in enumerate(keys):
        assert counters.windows.take(key, 10_000, 60, number + 1)
    assert [counters.windows.used(key, 60) for key in keys] == list(range(1, 2001))


def test_a_full_table_says_so_and_recovers(counters: SharedCounters, clock: Clock) -> None:
    """A key without a slot raises; once windows are over, their slots are used again."""
    left_out = counters.windows.key(fill(counters.windows))
    with pytest.raises(TableFull, match="none of the 16 slots"):
        counters.windows.take(left_out, 1, 1, 1)
    clock.advance(2.0)
    assert counters.windows.take(left_out, 1, 1, 1)
    for number in range(2000):
        assert counters.windows.take(counters.windows.key(f"later {number}"), 1, 1, 1)


def test_a_full_table_does_not_let_in_who_is_over(
    make_counters: MakeCounters,
) -> None:
    """Where only other workers have a slot for the key, their counts still refuse."""
    one, other = make_counters().windows, make_counters().windows
    left_out = fill(one)
    assert other.take(other.key(left_out), 1, 1, 1)
    assert not one.take(one.key(left_out), 1, 1, 1)


def test_a_slot_that_was_handed_on_counts_for_its_new_key_only(clock: Clock) -> None:
    """A worker that has seen the old key there looks again."""
    _, (one, other) = stepped_workers(2, clock)
    assert take(one.windows, 10, 7)
    key = other.windows.key("a")
    assert other.windows.used(key, 1) == 7
    clock.advance(2.0)
    for text in "bcde":  # there are four slots
        assert one.windows.take(one.windows.key(text), 10, 1, 5)
    assert other.windows.used(key, 1) == 0
    assert [other.windows.used(other.windows.key(text), 1) for text in "bcde"] == [5, 5, 5, 5]


def test_what_is_let_in_counts_from_then_on() -> None:
    """A worker that is stopped between reading the clock and deciding counts in the present."""
    readings = [1000.0, 1005.0]  # then, the last for ever
    _, (worker,) = stepped_workers(1, lambda: readings.pop(0) if readings[1:] else readings[0])
    assert take(worker.windows, 10, 3)
    readings[0] = 1005.9
    assert worker.windows.used(worker.windows.key("a"), 1) == 3
