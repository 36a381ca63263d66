"""A supervised process: small Python scripts stand for it."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from control.core.restarts import RestartBudget
from control.launcher.child import Child, ChildPlan, exited
from tests.support.polls import eventually
from tests.support.stack import ROOT, wait_until

#: What a script writes its process ids to: one line for each start.
PRELUDE = """
import os, signal, sys, time, subprocess
def note(*pids):
    with open(sys.argv[1], "a") as out:
        out.write(" ".join(map(str, pids)) + "\\n")
"""
SLEEPS = "note(os.getpid())\ntime.sleep(600)"
DIES = "note(os.getpid())"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nnote(os.getpid())\ntime.sleep(600)"
HAS_A_CHILD = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
note(os.getpid(), child.pid)
"""
QUICK = RestartBudget(burst=3, window_s=60.0, base_delay_s=0.02, max_delay_s=0.05)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Nursery:
    """Makes children, and kills what a failed test leaves."""

    def __init__(self, directory: Path) -> None:
        self.notes = directory / "notes"
        self._directory = directory
        self._children: list[Child] = []

    def command(self, script: str) -> list[str]:
        """A command that runs a script."""
        file = self._directory / "script.py"
        file.write_text(PRELUDE + textwrap.dedent(script))
        return [sys.executable, "-S", "-E", str(file), str(self.notes)]

    def child(self, script: str, **plan: Any) -> Child:
        """A child that runs a script and is kept running."""
        settings: dict[str, Any] = {"command": self.command(script), "budget": QUICK, **plan}
        child = Child(ChildPlan(name="test", environment={}, **settings))
        self._children.append(child)
        child.keep_running()
        return child

    @property
    def starts(self) -> list[list[int]]:
        """The process ids that each start has noted."""
        if not self.notes.exists():
            return []
        return [list(map(int, one.split())) for one in self.notes.read_text().splitlines()]

    async def pids(self) -> list[int]:
        """Wait for the first start, and give its process ids."""
        await eventually(lambda: self.starts and self.starts[0], "the script has started")
        return self.starts[0]

    async def close(self) -> None:
        """End all."""
        for child in self._children:
            await child.stop(0.0)


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    """Start children for this test."""
    one = Nursery(tmp_path)
    yield one
    await one.close()


async def test_a_process_that_dies_is_started_again(nursery: Nursery) -> None:
    """Whatever it dies of, and however often: only the pauses grow."""
    nursery.child(DIES)
    await eventually(lambda: len(nursery.starts) >= 6, "it was started six times")


async def test_a_killed_process_is_started_again(nursery: Nursery) -> None:
    """A SIGKILL from outside is a death like any other."""
    nursery.child(SLEEPS)
    (first,) = await nursery.pids()
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: len(nursery.starts) == 2, "it was started again")
    assert is_alive(nursery.starts[1][0])


async def test_restarts_beyond_the_budget_wait(nursery: Nursery) -> None:
    """Once the burst is used up, the next start waits for the budget's delay."""
    patient = RestartBudget(burst=2, window_s=600.0, base_delay_s=600.0, max_delay_s=600.0)
    nursery.child(DIES, budget=patient)
    await eventually(lambda: len(nursery.starts) == 3, "the burst is used up")
    for _ in range(10):
        await asyncio.sleep(0.02)
    assert len(nursery.starts) == 3


async def test_a_start_that_fails_is_tried_again(nursery: Nursery, tmp_path: Path) -> None:
    """A program that cannot be started now may be there later: nobody gives up on it."""
    program = tmp_path / "program"
    child = nursery.child(SLEEPS, command=[str(program), *nursery.command(SLEEPS)[1:]])
    for _ in range(5):
        await asyncio.sleep(0.02)
    assert not child.started.is_set()
    program.symlink_to(sys.executable)
    await eventually(child.started.is_set, "it has started")
    await nursery.pids()


async def test_a_preparation_that_fails_is_tried_again(nursery: Nursery) -> None:
    """What has to be done before each start is done again until it works."""
    tries = 0

    async def prepare() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            message = "not yet"
            raise OSError(message)

    nursery.child(SLEEPS, prepare=prepare)
    await nursery.pids()
    assert tries == 3


async def test_a_start_that_takes_too_long_is_a_death(nursery: Nursery) -> None:
    """Where the attendant runs out of patience, the process is killed and started anew."""
    attended: list[int] = []

    async def attend(process: subprocess.Popen[bytes]) -> None:
        attended.append(process.pid)
        if len(attended) == 1:
            raise TimeoutError

    nursery.child(STUBBORN, attend=attend)
    await eventually(lambda: len(attended) == 2, "it was started again")
    assert not is_alive(attended[0])
    assert is_alive(attended[1])


async def test_an_attendant_that_fails_is_told(
    nursery: Nursery, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is ours that has failed: the process goes on."""

    async def attend(_process: subprocess.Popen[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    nursery.child(SLEEPS, attend=attend)
    (pid,) = await nursery.pids()
    assert "No space left on device" in "".join(capsys.readouterr())
    assert is_alive(pid)


async def test_an_attendant_that_is_done_leaves_the_process_alone(nursery: Nursery) -> None:
    """Attending may end before the process does."""

    async def attend(_process: subprocess.Popen[bytes]) -> None:
        return

    nursery.child(SLEEPS, attend=attend)
    (pid,) = await nursery.pids()
    for _ in range(5):
        await asyncio.sleep(0.02)
    assert is_alive(pid)
    assert len(nursery.starts) == 1


async def test_stopping_is_gentle_at_first(nursery: Nursery) -> None:
    """A process that heeds SIGTERM ends itself, and is not started again."""
    child = nursery.child(
        "signal.signal(signal.SIGTERM, lambda *_: (note(0), sys.exit(0)))\n" + SLEEPS
    )
    (pid,) = await nursery.pids()
    await child.stop(60.0)
    assert not is_alive(pid)
    assert nursery.starts == [[pid], [0]]


async def test_stopping_ends_in_a_kill(nursery: Nursery) -> None:
    """A process that ignores SIGTERM is killed after its time."""
    child = nursery.child(STUBBORN)
    (pid,) = await nursery.pids()
    await child.stop(0.1)
    assert not is_alive(pid)


async def test_stopping_takes_grandchildren_along(nursery: Nursery) -> None:
    """What a process has started ends with it, also when it ends by itself."""
    child = nursery.child(HAS_A_CHILD + "time.sleep(600)")
    pid, grandchild = await nursery.pids()
    assert is_alive(grandchild)
    await child.stop(5.0)
    await eventually(lambda: not is_alive(pid) and not is_alive(grandchild), "both are gone")


async def test_a_death_takes_grandchildren_along(nursery: Nursery) -> None:
    """Before a new start nothing of the old process is left to hold its sockets."""
    nursery.child(HAS_A_CHILD + "time.sleep(600)")
    pid, grandchild = await nursery.pids()
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: len(nursery.starts) == 2, "it was started again")
    await eventually(lambda: not is_alive(grandchild), "the old grandchild is gone")


async def test_a_grandchild_that_holds_the_output_delays_nothing(nursery: Nursery) -> None:
    """The death of a process is seen though its output pipe is still held open."""
    holds = """
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    note(os.getpid(), child.pid)
    """
    seen: list[subprocess.Popen[bytes]] = []

    async def attend(process: subprocess.Popen[bytes]) -> None:
        seen.append(process)

    nursery.child(holds, attend=attend, capture_output=True)
    try:
        await eventually(lambda: len(nursery.starts) >= 2, "the death was seen")
    finally:
        await nursery.close()
        for _, grandchild in nursery.starts:
            os.kill(grandchild, signal.SIGKILL)
        for process in seen:
            assert process.stdout is not None
            process.stdout.close()


async def test_stopping_what_never_started_is_nothing(nursery: Nursery) -> None:
    """A child that was only planned, or waits for its next start, stops at once."""
    await Child(ChildPlan(name="test", command=["x"], environment={})).stop(60.0)
    slow = RestartBudget(burst=0, base_delay_s=600.0, max_delay_s=600.0)
    child = nursery.child(DIES, budget=slow)
    await nursery.pids()
    async with asyncio.timeout(20):
        await child.stop(60.0)


async def test_an_exit_is_seen_also_afterwards() -> None:
    """Waiting for a process that has ended already does not wait."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])  # noqa: ASYNC220
    await exited(process)
    await exited(process)
    assert process.returncode == 0


def test_no_orphan_is_left_when_the_launcher_is_killed(tmp_path: Path) -> None:
    """A launcher that dies of SIGKILL, and so can end nobody, takes its processes along."""
    notes = tmp_path / "notes"
    launcher = f"""
    import asyncio, sys
    from control.launcher.child import Child, ChildPlan
    script = "import os,time; open({str(notes)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    async def main():
        Child(ChildPlan("x", [sys.executable, "-S", "-c", script], {{}})).keep_running()
        await asyncio.Event().wait()
    asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(launcher)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        read: Callable[[], str] = lambda: notes.read_text() if notes.exists() else ""  # noqa: E731
        pid = int(wait_until(read, "the child has started"))
        process.kill()
    wait_until(lambda: not is_alive(pid), "the child is gone")
