"""The embedded tritonserver: its log, which is read whatever else fails, and what it leaves.

A script stands for it.
"""

import asyncio
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from control.config import TritonSettings
from control.launcher import tritonserver
from control.launcher.child import Child
from control.launcher.tritonserver import EmbeddedTriton, Loads
from control.runtime import RuntimePaths
from tests.support.polls import eventually

#: More than a pipe holds.
TALKS = """
import pathlib, signal, sys, time
def end(*_):
    print("1970-01-01T00:00:00Z E 1 server.cc:1] the end", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
for _ in range(400):
    print("x" * 999, flush=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
STUB = """
import mmap, sys, time
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE):
    print(flush=True)
    time.sleep(600)
"""
Server = tuple[EmbeddedTriton, Child]


@pytest.fixture
def paths(tmp_path: Path) -> RuntimePaths:
    """A state directory of its own, without a run directory."""
    return RuntimePaths(tmp_path / "var")


@pytest.fixture
def begin(
    paths: RuntimePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Server]:
    """Start the script as tritonserver."""
    monkeypatch.setattr(tritonserver, "find_installation", lambda: SimpleNamespace(server="none"))
    monkeypatch.setattr(tritonserver, "server_environment", lambda _: {})
    monkeypatch.setattr(tritonserver, "assemble_backends", lambda *_: None)
    monkeypatch.setattr(tritonserver, "_AGAIN_S", 0.05)
    monkeypatch.setattr(
        EmbeddedTriton, "_command", lambda *_: [sys.executable, "-c", TALKS, str(tmp_path / "done")]
    )

    def start() -> Server:
        triton = EmbeddedTriton(TritonSettings(), paths, "secret", tmp_path, Loads)
        child = Child(triton.child_plan())
        child.keep_running()
        return triton, child

    return start


def begin_stub(region: Path) -> subprocess.Popen[bytes]:
    """Start a process that has a region mapped by now."""
    stub = subprocess.Popen(
        [sys.executable, "-c", STUB, region], stdout=subprocess.PIPE, start_new_session=True
    )
    assert stub.stdout is not None
    stub.stdout.readline()
    return stub


async def test_a_server_whose_pid_cannot_be_written_goes_on(
    begin: Callable[[], Server], paths: RuntimePaths, tmp_path: Path
) -> None:
    """Its log is read, or it would stop at the 64th kilobyte; the file comes when it can."""
    _, child = begin()
    await eventually((tmp_path / "done").exists, "it has printed all")
    assert not paths.triton_pid.exists()
    paths.run.mkdir(parents=True)
    await eventually(paths.triton_pid.exists, "its pid is told")
    os.kill(int(paths.triton_pid.read_text()), 0)
    await child.stop(10.0)


async def test_what_a_server_says_at_its_end_is_logged(
    begin: Callable[[], Server],
    paths: RuntimePaths,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever stops it no longer attends it, but its log is read to the end."""
    paths.run.mkdir(parents=True)
    triton, child = begin()
    await eventually((tmp_path / "done").exists, "it has printed all")
    await child.stop(10.0)
    await triton.clean_up()
    assert "the end" in "".join(capsys.readouterr())


async def test_a_log_that_cannot_be_written_stops_no_server(
    begin: Callable[[], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk that holds it may be full."""

    def write(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tritonserver, "_log", SimpleNamespace(
        debug=write, warning=write, error=lambda *_, **__: None, info=lambda *_, **__: None
    ))  # fmt: skip
    _, child = begin()
    await eventually((tmp_path / "done").exists, "it has printed all")
    await child.stop(10.0)


async def test_a_wait_for_the_log_is_bounded(
    begin: Callable[[], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something that the server has started may outlive it and hold its pipe."""
    monkeypatch.setattr(tritonserver, "_LOG_END_S", 0.05)
    triton, child = begin()
    await eventually(lambda: triton._readings, "its log is read")
    async with asyncio.timeout(10):
        await triton.clean_up()
    await child.stop(10.0)


async def test_nothing_is_left_of_a_server_that_is_over(
    begin: Callable[[], Server], paths: RuntimePaths, tmp_path: Path
) -> None:
    """A stub in a session of its own outlives the server, and has its memory mapped."""
    triton, child = begin()
    await eventually((tmp_path / "done").exists, "it runs")
    region = Path("/dev/shm") / f"{paths.shared_memory_prefix}region"
    region.write_bytes(bytes(mmap.PAGESIZE))
    stub = begin_stub(region)
    try:
        await triton._prepare()
        assert region.exists(), "before another start, what is mapped may be another server's"
        await child.stop(10.0)
        await triton.clean_up()
        assert not region.exists()
        assert stub.wait(10) == -signal.SIGKILL
    finally:
        stub.kill()
        stub.communicate()
        region.unlink(missing_ok=True)
