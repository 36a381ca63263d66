import bisect
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.quotas.shared_counters import SharedCounters
from tests.quotas.hammer import WORKERS
from tests.support.stack import wait_until

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT = 500
_SECONDS = 3.0


class Hammer:
    """A hammering process, up and waiting for its time."""

    def __init__(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.quotas.hammer", str(file), str(_LIMIT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def begin(self, start_s: float, end_s: float) -> None:
        """Tell it when to hammer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{start_s} {end_s}\n")
        self.process.stdin.flush()

    def let_in(self) -> list[float]:
        """Wait for its end; give the times at which it was let in."""
        output, _ = self.process.communicate(timeout=60)
        times: list[float] = json.loads(output)
        return times

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hammers(tmp_path: Path) -> Iterator[list[Hammer]]:
    """Two processes that will hammer one key of one file."""
    made = [Hammer(tmp_path / "quotas") for _ in range(WORKERS)]
    yield made
    for one in made:
        one.kill()


def test_processes_share_a_limit(hammers: list[Hammer]) -> None:
    """Together they are let in at 95 % of the limit at least, and above it in no second."""
    start_s = time.monotonic() + 0.1
    for one in hammers:
        one.begin(start_s, start_s + _SECONDS)
    shares = [one.let_in() for one in hammers]
    let_in = sorted(time_s for share in shares for time_s in share)
    for number, first_s in enumerate(let_in):
        assert bisect.bisect_left(let_in, first_s + 1.0) - number <= _LIMIT
    assert len(let_in) >= 0.95 * _LIMIT * _SECONDS
    assert min(map(len, shares)) > 0


def test_a_killed_process_leaves_its_windows_only(hammers: list[Hammer], tmp_path: Path) -> None:
    """Killed in the middle of counting, it has a successor that goes on from there."""
    now_s = time.monotonic()
    for one in hammers:
        one.begin(now_s, now_s + 60.0)
    watcher = SharedCounters(tmp_path / "quotas", WORKERS)
    window, flight = watcher.windows.key("hammer"), watcher.in_flight.key("hammer")
    wait_until(lambda: watcher.windows.used(window, 1) > _LIMIT / 2, "they hammer")
    assert watcher.in_flight.count(flight) == 2
    hammers[0].kill()
    assert not watcher.in_flight.acquire(flight, 1)  # the other is still there
    successor = SharedCounters(tmp_path / "quotas", WORKERS)
    assert successor.file.own < watcher.file.own
    assert watcher.in_flight.count(flight) == 1
    # At most one request that was announced and never withdrawn is counted too much.
    assert _LIMIT / 2 < watcher.windows.used(window, 1) <= _LIMIT + 1
    for counters in (watcher, successor):
        counters.close()
