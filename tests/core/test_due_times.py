"""Who is due, and who is first."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from control.core.due_times import DueTimes


def test_nothing_is_due_where_nothing_is() -> None:
    """An empty one has no first."""
    times = DueTimes[str]()
    assert times.first_s() == inf
    assert times.due(1e9) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=200), st.floats(0, 100))
def test_those_are_due_whose_time_has_come(seen: list[tuple[float, bool]], now_s: float) -> None:
    """Exactly those that were not removed, the earliest first."""
    times, kept = DueTimes[int](), {}
    for number, (due_s, stays) in enumerate(seen):
        place = times.add(due_s, number)
        if stays:
            kept[number] = due_s
        else:
            times.remove(place)
        assert times.first_s() == min(kept.values(), default=inf)
    due = times.due(now_s)
    assert sorted(due) == [number for number, due_s in kept.items() if due_s <= now_s]
    assert [kept[number] for number in due] == sorted(kept[number] for number in due)
