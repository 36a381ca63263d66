"""The stubs of a server, told from the process table."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from control.triton import stubs as stubs_module
from control.triton.stubs import Stub, StubWatch
from tests.support.stack import wait_until

SCRIPT = "import sys,time; sys.stdout.write('x'); sys.stdout.flush(); time.sleep(600)"


class Stubs:
    """Children of this process that look like stubs of a tritonserver."""

    def __init__(self, directory: Path) -> None:
        self._program = directory / "triton_python_backend_stub"
        self._program.symlink_to(Path(sys.executable).resolve())
        self._processes: list[subprocess.Popen[bytes]] = []

    def start_model(self, path: str, instance: str) -> int:
        """Start one as Triton does, for an instance of the model whose code is at ``path``."""
        code = self._program.parent / path
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_text(SCRIPT)
        return self._start(str(code), "region", "1048576", instance, "DEFAULT")

    def _start(self, *arguments: str) -> int:
        command = [str(self._program), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.read(1) == b"x"
        self._processes.append(process)
        return process.pid

    def kill_unreaped(self, pid: int) -> None:
        """Kill a process and leave its zombie."""
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: state_of(pid) == "Z", "it is a zombie")

    def close(self) -> None:
        """End all."""
        for process in self._processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def state_of(pid: int) -> str:
    """A process's state in the kernel's letters."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def stubs(tmp_path: Path) -> Iterator[Stubs]:
    """Start stubs of this process."""
    one = Stubs(tmp_path)
    yield one
    one.close()


def own(found: list[Stub], *pids: int) -> list[Stub]:
    """The stubs among those found that a test has started."""
    return sorted((one for one in found if one.pid in pids), key=lambda one: pids.index(one.pid))


def test_live_and_dead_stubs_are_told_apart(stubs: Stubs) -> None:
    """A stub is known by its model while it lives, and still when it is a zombie."""
    watch = StubWatch()
    pid = stubs.start_model("my_model_x/3/model.py", "my_model_x_0_0")
    (live,) = own(watch.scan(os.getpid()), pid)
    assert (live.model, live.dead) == ("my_model_x", False)
    stubs.kill_unreaped(pid)
    (dead,) = own(watch.scan(os.getpid()), pid)
    assert (dead.model, dead.dead) == ("my_model_x", True)


@pytest.mark.parametrize("instance", ["my_model_0", "my_model_0_0", "fast_1"])
def test_a_model_is_told_by_its_folder(stubs: Stubs, instance: str) -> None:
    """An instance is named after its group, which may have any name, or none."""
    pid = stubs.start_model("my_model/12/model.py", instance)
    assert own(StubWatch().scan(os.getpid()), pid) == [Stub(pid, "my_model", 12, dead=False)]


def test_what_completes_a_config_is_told_apart(stubs: Stubs) -> None:
    """It is named like its model, and serves nobody."""
    pid = stubs.start_model("my_model/12/model.py", "my_model")
    (found,) = own(StubWatch().scan(os.getpid()), pid)
    assert (found.model, found.version, found.is_complementing) == ("my_model", 12, True)


def test_a_stub_that_is_gone_is_forgotten(stubs: Stubs) -> None:
    """A stub that Triton has reaped was unloaded, not lost."""
    watch = StubWatch()
    pid = stubs.start_model("m/1/model.py", "m_0_0")
    assert own(watch.scan(os.getpid()), pid)
    stubs.close()
    assert own(watch.scan(os.getpid()), pid) == []
    assert pid not in watch._known
    stubs._processes.clear()


def test_a_zombie_that_was_never_seen_alive_is_nobodys(stubs: Stubs) -> None:
    """Without a command line nothing tells whose stub it was."""
    pid = stubs.start_model("m/1/model.py", "m_0_0")
    stubs.kill_unreaped(pid)
    assert own(StubWatch().scan(os.getpid()), pid) == []


def test_other_children_are_no_stubs(stubs: Stubs) -> None:
    """Only programs of the stub's name count, and only with a version's code."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert own(StubWatch().scan(os.getpid()), other.pid) == []
    program = str(stubs._program)
    with subprocess.Popen([program, "-"], stdin=subprocess.PIPE) as bare:
        wait_until(lambda: program.encode() in cmdline(bare.pid), "it has started")
        assert own(StubWatch().scan(os.getpid()), bare.pid) == []
    nowhere = stubs.start_model("m/latest/model.py", "m_0_0")
    assert own(StubWatch().scan(os.getpid()), nowhere) == []


def test_threads_may_scan_at_once(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one has learned of a new stub is not forgotten by another that has looked before."""
    watch, children = StubWatch(), stubs_module._children
    has_looked, goes_on = threading.Event(), threading.Event()

    def look_and_wait(pid: int) -> set[int]:
        monkeypatch.setattr(stubs_module, "_children", children)
        found = children(pid)
        has_looked.set()
        assert goes_on.wait(10.0)
        return found

    monkeypatch.setattr(stubs_module, "_children", look_and_wait)
    with ThreadPoolExecutor() as threads:
        early = threads.submit(watch.scan, os.getpid())
        assert has_looked.wait(10.0)
        pid = stubs.start_model("m/1/model.py", "m_0_0")
        late = threads.submit(watch.scan, os.getpid())
        wait([late], 0.2)
        goes_on.set()
        wait([early, late], 10.0)
    assert own(late.result(), pid)
    stubs.kill_unreaped(pid)
    assert own(watch.scan(os.getpid()), pid) == [Stub(pid, "m", 1, dead=True)]


def cmdline(pid: int) -> bytes:
    """A process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_server_that_is_gone_has_no_stubs() -> None:
    """The scan of a process that does not exist is empty."""
    assert StubWatch().scan(2**22 + 1) == []
