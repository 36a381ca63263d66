from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from control.observability.tallies import CounterTally, HistogramTally


def without_times(registry: CollectorRegistry) -> list[str]:
    """What a scrape shows, but for the times of creation."""
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e9]))))
def test_a_tallied_histogram_shows_what_a_plain_one_shows(flushes: list[list[float]]) -> None:
    """However observations fall between the flushes, buckets, count and sum are the same."""
    plain, tallied = CollectorRegistry(), CollectorRegistry()
    buckets = (0.5, 1.0, 2.0)
    expected = Histogram("h", "help", ["a"], buckets=buckets, registry=plain).labels("x")
    child = Histogram("h", "help", ["a"], buckets=buckets, registry=tallied).labels("x")
    tally = HistogramTally(child)
    for values in flushes:
        for value in values:
            expected.observe(value)
            tally.observe(value)
        tally.flush()
    assert without_times(tallied) == without_times(plain)


def test_a_counter_is_told_once() -> None:
    """A flush tells all that is pending, and the next tells only what has come since."""
    registry = CollectorRegistry()
    tally = CounterTally(Counter("c", "help", ["a"], registry=registry).labels("x"))
    for pending in (3, 0, 2):
        tally.pending += pending
        tally.flush()
    assert registry.get_sample_value("c_total", {"a": "x"}) == 5
