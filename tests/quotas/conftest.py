from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control.quotas.shared_counters import SharedCounters


class Clock:
    """A clock that stands still until it is told to go on; seconds."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Go on."""
        self.now_s += seconds


MakeCounters = Callable[[], SharedCounters]


@pytest.fixture
def clock() -> Clock:
    """The clock of all workers of a test."""
    return Clock()


@pytest.fixture
def make_counters(tmp_path: Path, clock: Clock) -> Iterator[MakeCounters]:
    """Make one more worker's counters on one file; all are closed at the end."""
    made: list[SharedCounters] = []

    def make() -> SharedCounters:
        made.append(SharedCounters(tmp_path / "quotas", 2, clock))
        return made[-1]

    yield make
    for counters in made:
        counters.close()


@pytest.fixture
def counters(make_counters: MakeCounters) -> SharedCounters:
    """The first worker's counters."""
    return make_counters()
