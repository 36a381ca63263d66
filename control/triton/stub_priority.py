"""Makes processes that are being started yield the processors to those that serve.

Starting a model takes seconds of all the processors there are, while requests to the live version
wait. It is niceness and not SCHED_IDLE: on a busy machine the latter may leave a process without
any time for so long that Triton takes it for dead.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

#: A tenth of the processor time that one that serves gets, where both want it.
_YIELDING: Final = 10


class Yielding:
    """Processes that yield until they are restored, with all that they start meanwhile.

    Any thread may call; it reads /proc, so not one with an event loop.
    """

    def __init__(self, server: int) -> None:
        """Restore to what the process ``server`` has, which starts them all."""
        self._server = server
        self._pids: set[int] = set()
        self._is_over = False
        self._changing = threading.Lock()

    def add(self, pids: Iterable[int]) -> None:
        """Have these yield as well; nothing comes of it where it could not be undone, or has been.

        Whoever has looked for them may come too late.
        """
        with self._changing:
            new = set(pids) - self._pids
            if new and not self._is_over and may_restore():
                self._pids |= new
                _set_niceness(new, _YIELDING)

    def restore(self) -> None:
        """Let them run like those that serve, from now on."""
        with self._changing:
            self._is_over = True
            restore(self._pids, self._server)


def restore(pids: Iterable[int], server: int) -> None:
    """Give these processes, and all that they have started, what the server has."""
    try:
        niceness = os.getpriority(os.PRIO_PROCESS, server)
    except OSError:
        return  # it is gone, and they with it
    _set_niceness(pids, niceness)


def may_restore() -> bool:
    """Whether this process may make another one less nice again; tried on a thread of its own."""
    outcome: list[bool] = []
    trial = threading.Thread(target=lambda: outcome.append(_try_to_restore()))
    trial.start()
    trial.join()
    return outcome == [True]


def _try_to_restore() -> bool:
    before = os.getpriority(os.PRIO_PROCESS, 0)  # of the thread alone, on Linux
    try:
        os.setpriority(os.PRIO_PROCESS, 0, min(before + 1, 19))
        os.setpriority(os.PRIO_PROCESS, 0, before)
    except PermissionError:
        return False
    return True


def _set_niceness(pids: Iterable[int], niceness: int) -> None:
    for pid in pids:
        for _ in range(2):  # a thread that starts meanwhile has what the one has that starts it
            for thread in _threads(pid):
                try:
                    os.setpriority(os.PRIO_PROCESS, thread, niceness)
                except (ProcessLookupError, PermissionError):
                    continue  # it has ended, or runs as somebody else


def _threads(pid: int) -> Iterator[int]:
    """Give all threads of a process and of those that it has started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        yield int(task.name)
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _threads(int(child))
