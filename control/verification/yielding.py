"""How little of the machine a verification takes: live models on the same cores go first."""

import contextlib
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

_MOST_NICE: Final = 19
_FIRST_TO_GO: Final = "1000"


def step_back() -> None:
    """Leave processors and memory to others, for this process and all that it starts.

    Live models go first, half of the cores are theirs alone, and where memory runs out this is what
    is killed. It has a session of its own from now on.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _MOST_NICE)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, half_the_cores(os.sched_getaffinity(0), _threads_of_its_core))
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


def ask_for_a_little() -> None:
    """Take the least share of the processors that is more than none."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def half_the_cores(
    processors: Collection[int], threads_of_its_core: Callable[[int], str]
) -> set[int]:
    """Take the last half of the cores, rounded up, with all their hardware threads.

    The kernel's priorities do not reach below itself: who has the lowest still takes caches and
    half of a core from whoever runs on its other thread. ``threads_of_its_core`` gives the same for
    all threads of a core.
    """
    cores: dict[str, set[int]] = {}
    for processor in sorted(processors):
        cores.setdefault(threads_of_its_core(processor), set()).add(processor)
    return set().union(*list(cores.values())[len(cores) // 2 :])


def _threads_of_its_core(processor: int) -> str:
    topology = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    try:
        return topology.read_text()
    except OSError:
        return str(processor)
