"""How many requests are looked into."""

import random

import pytest

from control.learning.pace import Pace


def looked_into(rate: float, requests_s: float, seconds: float) -> int:
    """How many of a steady stream are looked into."""
    pace, chance, seen = Pace(rate), random.Random(5), 0
    for number in range(int(requests_s * seconds)):
        now_s = 1000.0 + number / requests_s
        if now_s >= pace.next_s:
            pace.take(now_s, chance.random())
            seen += 1
    return seen


@pytest.mark.parametrize("requests_s", [0.5, 5.0, 20.0, 35.0])
def test_few_requests_are_all_looked_into(requests_s: float) -> None:
    """Below the rate nothing is missed."""
    assert looked_into(50.0, requests_s, 60.0) == int(requests_s * 60.0)


@pytest.mark.parametrize("requests_s", [200.0, 1000.0, 20_000.0])
def test_of_many_requests_as_many_as_the_rate_allows(requests_s: float) -> None:
    """The cost of learning does not grow with traffic."""
    assert looked_into(50.0, requests_s, 20.0) == pytest.approx(1050, rel=0.12)


def test_a_burst_after_silence_is_seen_whole() -> None:
    """Chances of the last second are kept."""
    pace = Pace(50.0)
    pace.take(0.0, 0.5)
    seen = 0
    for _ in range(1000):
        if pace.next_s <= 100.0:
            pace.take(100.0, 0.5)
            seen += 1
    assert seen == 51
