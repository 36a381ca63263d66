"""How little of the machine a verification takes: live models on the same cores go first."""

import contextlib
import math
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from control.verification.processor_quota import processor_quota

_MOST_NICE: Final = 19
_FIRST_TO_GO: Final = "1000"


def step_back() -> None:
    """Leave processors and memory to others, for this process and all that it starts.

    Live models go first, half of the cores and of a control group's quota are theirs alone, and
    where memory runs out this is what is killed. It has a session of its own from now on. It keeps
    the least share of the processors that is more than none: who has given that up may need
    privileges to take it again.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _MOST_NICE)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError):
        most = processors_within(processor_quota())
        ours = half_the_cores(os.sched_getaffinity(0), _threads_of_its_core, most)
        os.sched_setaffinity(0, ours)
    with contextlib.suppress(OSError):
        os.setsid()
        have_session_yield(os.getpid())
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)


def have_session_yield(pid: int) -> None:
    """Have the session of a process yield to other sessions; for each that is begun here.

    Linux may share the processors among sessions first (autogroups): priorities count only among
    the processes of one.
    """
    with contextlib.suppress(OSError):  # a kernel without them, or control groups instead
        Path(f"/proc/{pid}/autogroup").write_text(str(_MOST_NICE))


def have_go_last(pid: int) -> None:
    """Have a process, and all that it starts from now on, run only when nobody else wants to."""
    _go_last(pid)  # what this thread begins while the others are listed inherits it
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            _go_last(int(thread.name))


def _go_last(thread: int) -> None:
    with contextlib.suppress(OSError):
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def processors_within(quota: float) -> int | None:
    """Give how many processors use half of a quota at most, but one at least; None for any number.

    Whatever its priority, who uses up a control group's time has all of the group stopped for the
    rest of each period, live models as well.
    """
    return None if math.isinf(quota) else max(1, int(quota / 2))


def half_the_cores(
    processors: Collection[int],
    threads_of_its_core: Callable[[int], str],
    most: int | None = None,
) -> set[int]:
    """Take the last half of the cores, rounded up, with all their hardware threads.

    Of these, no more threads than ``most``.

    The kernel's priorities do not reach below itself: who has the lowest still takes caches and
    half of a core from whoever runs on its other thread. ``threads_of_its_core`` gives the same for
    all threads of a core.
    """
    cores: dict[str, set[int]] = {}
    for processor in sorted(processors):
        cores.setdefault(threads_of_its_core(processor), set()).add(processor)
    taken = [one for core in list(cores.values())[len(cores) // 2 :] for one in sorted(core)]
    return set(taken[:most])


def _threads_of_its_core(processor: int) -> str:
    topology = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    try:
        return topology.read_text()
    except OSError:
        return str(processor)
