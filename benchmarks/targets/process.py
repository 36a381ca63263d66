"""One child process with a log file, a bounded wait for readiness and a bounded end."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks import wire
from benchmarks.targets import Address, TargetFailed

_POLL_S = 0.1
STOP_S = 40.0  # Triton's own limit for a graceful exit is 30 s
_LOG_TAIL_CHARS = 3000
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ChildProcess:
    """Starts a server as a child, and ends it and only it."""

    def __init__(
        self, command: Sequence[str], log: Path, env: dict[str, str] | None = None
    ) -> None:
        """Prepare a command; its output goes to `log`."""
        self._command = list(command)
        self._log = log
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=self._env
            )

    def wait_ready(self, address: Address, path: str, *, timeout_s: float) -> None:
        """Poll `GET path` until it answers 200; raise with the log's end if it never does."""
        give_up_s = time.monotonic() + timeout_s
        while time.monotonic() < give_up_s:
            if self._process is None or self._process.poll() is not None:
                break
            with suppress(OSError, http.client.HTTPException):
                if wire.get(address, path).status == http.HTTPStatus.OK:
                    return
            time.sleep(_POLL_S)
        raise TargetFailed(f"{self._command[0]} is not ready:\n{self.log_tail()}")

    def stop(self, patience_s: float = STOP_S) -> None:
        """Ask the process to end; kill it and its descendants when it does not in that time."""
        tree = self.tree()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            for pid in tree:  # the children of a killed parent do not all end by themselves
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def tree(self) -> list[int]:
        """Ids of the process and of all its descendants; empty when it does not run."""
        if self._process is None:
            return []
        parents = dict(_parents())
        tree = [self._process.pid]
        for pid in tree:
            tree += [child for child, parent in parents.items() if parent == pid]
        return tree

    def cpu_s(self) -> float:
        """CPU seconds used by the processes of the tree that live now."""
        return sum(_cpu_ticks(pid) for pid in self.tree()) / _TICKS_PER_S

    def log_tail(self) -> str:
        """Give the end of what the process has written."""
        return self._log.read_text(errors="replace")[-_LOG_TAIL_CHARS:]


class FreePorts:
    """Hands out loopback ports that nothing listens on, from a first one upwards."""

    def __init__(self, first: int) -> None:
        """Start looking at port `first`."""
        self._next = first

    def take(self) -> int:
        """Give the next free port."""
        while True:
            port, self._next = self._next, self._next + 1
            with socket.socket() as probe, suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


def _stat_fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it ended between two looks
        return []
    # The command name is in brackets and may hold blanks and brackets of its own.
    return text[text.rindex(")") + 2 :].split()


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat_fields(int(entry.name))):
            yield int(entry.name), int(fields[1])


def _cpu_ticks(pid: int) -> int:
    fields = _stat_fields(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0
