"""A server in front of Triton that runs as one child process, its own children included."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.targets import TcpAddress
from benchmarks.targets.process import ChildProcess


class Front:
    """What the targets that we start before the shared Triton have in common."""

    def __init__(
        self, command: Sequence[str], log: Path, address: TcpAddress, *, ready_s: float
    ) -> None:
        """Prepare a command that listens at `address` and is ready within `ready_s` seconds."""
        self._process = ChildProcess(command, log)
        self._address = address
        self._ready_s = ready_s

    @property
    def address(self) -> TcpAddress:
        """Where it listens."""
        return self._address

    def start(self) -> None:
        """Start it and wait until Triton is ready through it."""
        self._process.start()
        self._process.wait_ready(self._address, "/v2/health/ready", timeout_s=self._ready_s)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def cpu_s(self) -> float:
        """CPU seconds of its processes."""
        return self._process.cpu_s()
