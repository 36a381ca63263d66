"""A time limit for processes that give way to others: waiting for a processor does not count."""

import asyncio

from control.verification.stub_processes import StubProcesses


class Patience:
    """Counts from now; ``limit_s`` are seconds in which the processes could run."""

    def __init__(self, limit_s: float, processes: StubProcesses) -> None:
        """Begin to count."""
        self._processes = processes
        self._waited_s = processes.waited_s()
        self._end_s = asyncio.get_running_loop().time() + limit_s

    def left_s(self) -> float:
        """Seconds until the limit, 0 or less where it is over."""
        waited_s = self._processes.waited_s() - self._waited_s
        return self._end_s + waited_s - asyncio.get_running_loop().time()
