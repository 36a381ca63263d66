"""The processes of a version: how they died, and how long they waited for a processor."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from control.triton.stubs import StubWatch
from control.verification.verdicts import Starved

_NANOSECONDS: Final = 1e9
#: The last field of /proc/PID/stat.
_EXIT_CODE: Final = -1
#: Triton takes a process for dead that does not answer for a second.
_STARVED_S: Final = 0.5


class StubProcesses:
    """Those of one model of a server, by the name that the model has there."""

    def __init__(self, server_pid: int, model: str) -> None:
        """Look at nothing yet."""
        self._server_pid = server_pid
        self.model = model
        self._watch = StubWatch()
        self._living: list[int] = []
        self._waited: dict[int, float] = {}
        self._death = ""

    def look(self) -> list[int]:
        """Give the process ids of the living, and remember how the dead have died."""
        living: list[int] = []
        for stub in self._watch.scan(self._server_pid):
            if stub.model != self.model:
                continue
            if stub.dead:
                self._death = _death_of(stub.pid) or self._death
            else:
                living.append(stub.pid)
        self._living = living
        return living

    @property
    def death(self) -> str:
        """How the last one that died has died, as far as that is known."""
        self.look()
        return self._death

    def must_be_dead(self) -> None:
        """Raise Starved where Triton takes for dead what lives, and was kept from answering.

        That is no fault of the version: on a busy machine it may not be let run for a second.
        """
        if self.look() and not self._death and max(self.waits_s().values()) > _STARVED_S:
            message = "the machine is too busy: the version was not let run for a second"
            raise Starved(message)

    def waits_s(self) -> Mapping[int, float]:
        """Seconds that each of those last seen, and before, has waited for a processor so far."""
        for pid in self._living:
            self._waited[pid] = max(_waited_s(pid), self._waited.get(pid, 0.0))
        return dict(self._waited)


def how_it_ended(status: int) -> str:
    """Say how a process has ended, by the status as Popen gives it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _death_of(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    if fields[0] != "Z":
        return ""
    code = int(fields[_EXIT_CODE])
    return how_it_ended(code >> 8 if code & 0x7F == 0 else -(code & 0x7F))


def _waited_s(pid: int) -> float:
    """Time on the run queue, of the main thread; 0 where the kernel does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / _NANOSECONDS
    except (OSError, ValueError, IndexError):
        return 0.0
