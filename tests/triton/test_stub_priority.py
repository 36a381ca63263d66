"""Processes that yield, and are restored."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.triton.stub_priority import Yielding, may_restore, restore

SCRIPT = """
import subprocess, sys, threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(not may_restore(), reason="needs the right to lower niceness")


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A process with two threads and a child: its id, and the child's."""
    command = [sys.executable, "-S", "-c", SCRIPT]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        yield process.pid, child
        os.kill(child, 9)
        process.kill()


def niceness(*pids: int) -> list[int]:
    """That of each thread of these processes."""
    return [
        os.getpriority(os.PRIO_PROCESS, int(task.name))
        for pid in pids
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]


def test_all_threads_and_children_yield_and_are_restored(family: tuple[int, int]) -> None:
    """What a process has started serves with it: it must not stay behind."""
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    yielding = Yielding(os.getpid())
    yielding.add([family[0]])
    assert min(niceness(*family)) >= 10
    yielding.restore()
    assert niceness(*family) == [ours] * 3


def test_who_comes_too_late_does_not_yield(family: tuple[int, int]) -> None:
    """It was seen while it was started, and serves by now: nobody would restore it."""
    yielding = Yielding(os.getpid())
    yielding.restore()
    yielding.add([family[0]])
    assert niceness(*family) == [os.getpriority(os.PRIO_PROCESS, 0)] * 3


def test_what_a_dead_controller_left_is_restored(family: tuple[int, int]) -> None:
    """Whoever comes after it needs not know which yielded."""
    Yielding(os.getpid()).add([family[0]])
    restore([family[0], 2**22 + 1], os.getpid())
    assert niceness(*family) == [os.getpriority(os.PRIO_PROCESS, 0)] * 3


def test_trying_it_changes_nothing() -> None:
    """The trial is on a thread of its own."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert may_restore()
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
