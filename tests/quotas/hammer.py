"""A process that takes from one key as fast as it can, between two times of the monotonic clock.

python -m tests.quotas.hammer FILE LIMIT: says that it is ready, reads both times from its input,
and writes the times at which it was let in, as the counters saw them, as one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from control.quotas.shared_counters import SharedCounters

WORKERS = 2


class NotingClock:
    """The monotonic clock, with what it said last."""

    last_s = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        self.last_s = time.monotonic()
        return self.last_s


def main() -> None:
    """Hammer."""
    file, limit = sys.argv[1:]
    clock = NotingClock()
    counters = SharedCounters(Path(file), WORKERS, clock)
    counters.in_flight.acquire(counters.in_flight.key("hammer"), 1000)
    key = counters.windows.key("hammer")
    print("ready", flush=True)  # noqa: T201
    start_s, end_s = map(float, input().split())
    while time.monotonic() < start_s:
        pass
    let_in = []
    while clock.last_s < end_s:
        if counters.windows.take(key, int(limit), 1, 1):
            let_in.append(clock.last_s)
    print(json.dumps(let_in))  # noqa: T201


if __name__ == "__main__":
    main()
