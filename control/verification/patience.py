"""A time limit for processes that give way to others: waiting for a processor does not count.

Of several that wait at once, the longest wait does not: their sum would outrun the clock where they
wait for each other.
"""

import asyncio

from control.verification.stub_processes import StubProcesses


class Patience:
    """Counts from now; ``limit_s`` are seconds in which the processes could run."""

    def __init__(self, limit_s: float, processes: StubProcesses) -> None:
        """Begin to count."""
        self._processes = processes
        self._before_s = processes.waits_s()
        self._end_s = asyncio.get_running_loop().time() + limit_s

    def left_s(self) -> float:
        """Seconds until the limit, 0 or less where it is over."""
        waits_s = self._processes.waits_s().items()
        longest_s = max((one - self._before_s.get(pid, 0.0) for pid, one in waits_s), default=0.0)
        return self._end_s + longest_s - asyncio.get_running_loop().time()
