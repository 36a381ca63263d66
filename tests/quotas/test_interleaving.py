from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.quotas.interleaving import SteppedWorker, stepped_workers

WINDOW_S = 1
STEP_S = 0.000_05  # a step of Python, generously

workers = st.integers(2, 3)
schedules = st.lists(st.integers(0, 2), max_size=150)
rounds = st.lists(st.permutations([0, 1, 2]), min_size=60, max_size=60)
amounts = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def in_order(schedule: Sequence[int], count: int) -> list[int]:
    """A schedule for so many workers."""
    return [turn % count for turn in schedule]


@settings(max_examples=60, deadline=None)
@given(workers, schedules, amounts, st.integers(1, 8), st.sampled_from([0.0, 0.9, 1.0, 1.0099]))
def test_windows_never_hold_more_than_the_limit(
    count: int, schedule: list[int], wanted: list[int], limit: int, later_s: float
) -> None:
    """However the steps of workers interleave, no second sees more than the limit."""
    base_s = 1000.0
    turns, made = stepped_workers(count, lambda: base_s + turns.steps * STEP_S)
    let_in: list[tuple[float, int]] = []
    if made[0].windows.take(made[0].windows.key("a"), limit, WINDOW_S, 2):
        let_in.append((base_s, 2))
    base_s += later_s

    def job(worker: SteppedWorker) -> Callable[[], None]:
        def take_all() -> None:
            key = worker.windows.key("a")
            for amount in wanted:
                taken = worker.windows.take(key, limit, WINDOW_S, amount)
                let_in.append((base_s + turns.steps * STEP_S, amount if taken else 0))

        return take_all

    turns.run([job(worker) for worker in made], in_order(schedule, count))
    for start_s, _ in let_in:
        held = [amount for at_s, amount in let_in if start_s <= at_s < start_s + WINDOW_S]
        assert sum(held) <= limit


@settings(max_examples=60, deadline=None)
@given(workers, schedules, st.integers(1, 3))
def test_in_flight_never_exceeds_the_limit(count: int, schedule: list[int], limit: int) -> None:
    """However acquires and releases interleave, it holds; and in the end nothing is in flight."""
    turns, made = stepped_workers(count, lambda: 1000.0)
    now = most = 0

    def job(worker: SteppedWorker) -> Callable[[], None]:
        def come_and_go() -> None:
            nonlocal now, most
            key = worker.in_flight.key("a")
            for _ in range(3):
                if worker.in_flight.acquire(key, limit):
                    now += 1
                    most = max(most, now)
                    for _ in range(5):
                        turns.step()
                    now -= 1
                    worker.in_flight.release(key)

        return come_and_go

    turns.run([job(worker) for worker in made], in_order(schedule, count))
    assert most <= limit
    assert made[0].in_flight.count(made[0].in_flight.key("a")) == 0


@settings(max_examples=100, deadline=None)
@given(rounds, st.lists(st.integers(0, 40), min_size=3, max_size=3), st.integers(1, 4))
def test_a_collision_does_not_starve(
    orders: list[Sequence[int]], starts: list[int], room: int
) -> None:
    """Where workers collide over what is left, and none is stopped, what is left is used."""
    schedule = [
        worker
        for number, order in enumerate(orders)
        for worker in order
        if number >= starts[worker]
    ]
    turns, made = stepped_workers(3, lambda: 1000.0)
    let_in: list[int] = []

    def job(worker: SteppedWorker) -> Callable[[], None]:
        def take_room() -> None:
            if worker.windows.take(worker.windows.key("a"), room, WINDOW_S, room):
                let_in.append(room)

        return take_room

    turns.run([job(worker) for worker in made], schedule)
    assert let_in == [room]
