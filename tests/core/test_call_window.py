"""The windows that breakers judge by."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.call_window import CallCounts, CountWindow, TimeWindow, open_window
from control.core.protection import BreakerPolicy, WindowType

#: Seconds since the call before, failed, slow.
CALLS = st.lists(
    st.tuples(st.floats(0.0, 7.0), st.booleans(), st.booleans()), min_size=1, max_size=80
)


def counts_of(calls: list[tuple[float, bool, bool]]) -> CallCounts:
    """Count calls one by one."""
    return CallCounts(len(calls), sum(one[1] for one in calls), sum(one[2] for one in calls))


@given(CALLS, st.integers(1, 20))
def test_the_last_calls_count(calls: list[tuple[float, bool, bool]], size: int) -> None:
    """A window of calls counts the newest of its size, whenever they ended."""
    window = CountWindow(size)
    for number, (now_s, failed, slow) in enumerate(calls, start=1):
        window.record(now_s, failed=failed, slow=slow)
        expected = counts_of(calls[max(0, number - size) : number])
        assert window.counts == window.seen(now_s) == expected


@given(CALLS, st.integers(1, 10), st.floats(0.0, 30.0))
def test_the_last_seconds_count(
    calls: list[tuple[float, bool, bool]], size: int, later_s: float
) -> None:
    """A window of seconds counts the calls of the newest of them, the one that runs included."""
    window = TimeWindow(size)
    now_s, seen = 1000.0, []
    for gap_s, failed, slow in calls:
        now_s += gap_s
        window.record(now_s, failed=failed, slow=slow)
        seen.append((now_s, failed, slow))
        expected = counts_of([one for one in seen if int(one[0]) > int(now_s) - size])
        assert window.counts == window.seen(now_s) == expected
    now_s += later_s
    before = CallCounts(window.counts.total, window.counts.failed, window.counts.slow)
    expected = counts_of([one for one in seen if int(one[0]) > int(now_s) - size])
    assert window.seen(now_s) == expected
    assert window.counts == before, "looking changes nothing"


def test_what_is_seen_is_a_copy() -> None:
    """Whoever looks at a window holds nothing that changes later."""
    for window in (CountWindow(3), TimeWindow(3)):
        seen = window.seen(1.0)
        window.record(1.0, failed=True, slow=False)
        assert seen == CallCounts()
        assert window.seen(1.0) == CallCounts(1, 1, 0)


def test_no_call_has_no_rate() -> None:
    """No data is no health."""
    assert CallCounts().failure_rate_percent is None
    assert CallCounts().slow_call_rate_percent is None
    assert CallCounts(8, 2, 4).failure_rate_percent == 25.0
    assert CallCounts(8, 2, 4).slow_call_rate_percent == 50.0


def test_a_policy_says_which_window() -> None:
    """Of calls or of seconds, of its size."""
    assert isinstance(open_window(BreakerPolicy()), CountWindow)
    policy = BreakerPolicy(sliding_window_type=WindowType.TIME_BASED, sliding_window_size=2)
    window = open_window(policy)
    assert isinstance(window, TimeWindow)
    window.record(10.9, failed=True, slow=True)
    assert window.seen(11.9).total == 1
    assert window.seen(12.0).total == 0
