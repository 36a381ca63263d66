"""The stub processes that a load has started, told from those that serve.

All of it reads /proc, which takes milliseconds on a busy server: call it on a thread.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from control.triton.stubs import Stub, StubWatch

#: Within milliseconds of its start; more where it yields to others on a busy machine.
_HAS_CALLED_S: Final = 2.0
#: Of the fields of /proc/PID/stat after the name, the time of the start.
_START_TICKS: Final = 19


class NewStubs:
    """Those of one model that appear from now on. Of another server than that of now, none do."""

    def __init__(self, watch: StubWatch, pid_file: Path, model: str) -> None:
        """Remember who is there already."""
        self._watch = watch
        self._pid_file = pid_file
        self._model = model
        self._server = server_pid(pid_file)
        self._before = {stub.pid for stub in self._scan()}

    @property
    def server(self) -> int:
        """The process id of the server that starts them; 0 where there is none."""
        return self._server

    def look(self) -> list[Stub]:
        """List them, living and dead."""
        if server_pid(self._pid_file) != self._server:
            return []
        return [s for s in self._scan() if s.model == self._model and s.pid not in self._before]

    def kill_initialising(self, ready: Collection[int]) -> int:
        """Kill those that keep the load from coming back; gives how many.

        ``ready`` are the versions that serve. Stubs of others are killed before new ones of these,
        and none that completes a config: Triton would wait for its answer for ever.
        """
        hanging = [s for s in self.look() if not s.dead and not s.is_complementing]
        of_others = [stub for stub in hanging if stub.version not in ready]
        return sum(self._kill(stub) for stub in of_others or hanging)

    def _kill(self, stub: Stub) -> bool:
        return kill_stub(stub, self.look)

    def _scan(self) -> list[Stub]:
        return self._watch.scan(self._server) if self._server else []


def kill_stub(stub: Stub, look: Callable[[], Collection[Stub]]) -> bool:
    """Kill a stub that ``look`` still sees: its number may be another's by now.

    A young one is spared; try again later. Triton would not notice its death before it has called.
    """
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(stub.pid)
        try:
            if stub in look() and _age_s(stub.pid) >= _HAS_CALLED_S:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                return True
        finally:
            os.close(descriptor)
    return False


def _age_s(pid: int) -> float:
    """Give the seconds since a process was started; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    started_s = int(fields[_START_TICKS]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def server_pid(file: Path) -> int:
    """Give the process id that a file names; 0 where it names none now."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
