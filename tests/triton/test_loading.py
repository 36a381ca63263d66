"""Versions come and go in a real tritonserver, and version 1 answers all the while."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.triton.load_checks import config_for
from control.triton.loading import VersionLoader
from control.triton.management import LoadFailed, TritonAway
from control.triton.stubs import Stub, StubWatch
from tests.support.polls import eventually
from tests.triton.loaded_server import MODEL, LoadedServer, loaded_server, put, put_good

pytestmark = pytest.mark.triton

LONG_S = 60.0
INITIALIZE = "import os, time\nclass TritonPythonModel:\n    def initialize(self, args):\n        "

#: What a version's code is, how long it may take, and what is said of it.
BAD = {
    "syntax": ("def (\n", LONG_S, "SyntaxError: invalid syntax (model.py, line 1)"),
    "module": (
        "import no_such_module\n",
        LONG_S,
        "ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "class": ("pass\n", LONG_S, "AttributeError: module '4.model' has no attribute"),
    "raise": (INITIALIZE + "raise RuntimeError('no GPU')\n", LONG_S, "RuntimeError: no GPU"),
    "weights": (
        INITIALIZE + "open(os.path.dirname(__file__) + '/weights.bin')\n",
        LONG_S,
        "FileNotFoundError: [Errno 2] No such file or directory: '6/weights.bin'",
    ),
    "exit": (INITIALIZE + "os._exit(3)\n", LONG_S, "its process died in initialize"),
    "hang": (INITIALIZE + "time.sleep(1e6)\n", 5.0, "initialize took more than 5 s"),
    "missing": (None, LONG_S, "there is no model.py"),
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoadedServer]:
    """One with version 1."""
    async with loaded_server(tmp_path) as one:
        yield one


async def reason_of(server: LoadedServer, version: int, timeout_s: float) -> str:
    """Load a version beside the first, which fails, and tell why."""
    with pytest.raises(LoadFailed) as failed:
        await server.loader.load(MODEL, {1, version}, timeout_s)
    return failed.value.reason


async def test_versions_come_and_go_beside_one_that_serves(server: LoadedServer) -> None:
    """No request to version 1 fails, and its process stays the same, whatever comes and goes."""
    before = server.stubs(1)
    with server.clients_of_version_1() as clients:
        for version in (2, 3):
            put_good(server.repository, version)
            await server.loader.load(MODEL, {1, version}, LONG_S)
            assert await server.ready() == {1, version}
            await server.loader.load(MODEL, {1}, LONG_S)
            assert await server.ready() == {1}
    assert set(clients.tally.statuses) == {"200"}
    assert clients.tally.wrong == []
    assert server.stubs(1) == before


async def test_bad_versions_fail_with_their_reason_and_touch_nothing(server: LoadedServer) -> None:
    """Each says exactly what is wrong; version 1 answers all along; then a good one comes up."""
    before = server.stubs(1)
    reasons = {}
    with server.clients_of_version_1() as clients:
        for version, (name, (code, timeout_s, _)) in enumerate(BAD.items(), 2):
            put(server.repository, version, code)
            reasons[name] = await reason_of(server, version, timeout_s)
            assert await server.ready() == {1}
        put_good(server.repository, 99)
        await server.loader.load(MODEL, {1, 99}, LONG_S)
        assert await server.ready() == {1, 99}
    assert {name: reasons[name][: len(told)] for name, (_, _, told) in BAD.items()} == {
        name: told for name, (_, _, told) in BAD.items()
    }
    assert not any("/tmp" in reason or "\n" in reason for reason in reasons.values())
    assert set(clients.tally.statuses) == {"200"}
    assert server.stubs(1) == before


async def test_what_hangs_in_its_import_is_left_alone(server: LoadedServer) -> None:
    """Until Triton dies no other load is put behind it, and version 1 serves on all the while."""
    put(server.repository, 2, "import time\ntime.sleep(1e6)\n")
    with server.clients_of_version_1() as clients:
        assert await reason_of(server, 2, 2.0) == "its import took more than 2 s"
        put_good(server.repository, 3)
        with pytest.raises(LoadFailed, match="only a restart of tritonserver ends it") as failed:
            await server.loader.add(MODEL, 3, {1, 3}, LONG_S)
        assert set(failed.value.by_version) == {2}, "it is not the third one's fault"
    assert set(clients.tally.statuses) == {"200"}
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(TritonAway):
        await server.loader.load(MODEL, {1}, LONG_S)


async def test_what_dies_in_its_import_is_found_out_before_its_time(server: LoadedServer) -> None:
    """A dead process will not come back: nobody waits for it as long as for a slow one."""
    put(server.repository, 2, "import os\nos._exit(3)\n")
    assert await reason_of(server, 2, LONG_S) == "its process died while its code was imported"
    assert await server.ready() == {1}


async def test_who_stops_waiting_ends_the_load(server: LoadedServer) -> None:
    """A load that nobody waits for any more is ended, and the next one does not wait for it."""
    put(server.repository, 2, INITIALIZE + "time.sleep(1e6)\n")
    loading = asyncio.create_task(server.loader.load(MODEL, {1, 2}, LONG_S))
    await eventually(lambda: server.stubs(2), "it is being loaded")
    loading.cancel()
    await asyncio.wait({loading})
    put_good(server.repository, 3)
    await server.loader.load(MODEL, {1, 3}, LONG_S)
    assert await server.ready() == {1, 3}


@pytest.fixture
async def left_hanging(server: LoadedServer) -> AsyncIterator[VersionLoader]:
    """Version 2 hangs in a load whose caller has died; gives the loader of who comes after it."""
    put(server.repository, 2, INITIALIZE + "time.sleep(1e6)\n")
    config = config_for(server.repository / MODEL, {1, 2})
    earlier = asyncio.create_task(server.management.load(MODEL, config))
    instances = lambda: [one for one in server.stubs(2) if not one.is_complementing]  # noqa: E731
    await eventually(instances, "it is started, and hangs")
    yield VersionLoader(server.management, server.repository, server.pid_file, StubWatch())
    earlier.cancel()
    await asyncio.wait({earlier})


async def test_a_load_that_a_dead_controller_has_left_is_ended(
    server: LoadedServer, left_hanging: VersionLoader
) -> None:
    """It has the time that a load has; then the next one finds nothing in its way."""
    with pytest.raises(LoadFailed, match="initialize took more than 3 s"):
        await left_hanging.load(MODEL, {1, 2}, 3.0)
    await eventually(lambda: not server.stubs(2), "nothing of it is left")
    put_good(server.repository, 3)
    await left_hanging.load(MODEL, {1, 3}, LONG_S)
    assert await server.ready() == {1, 3}


async def test_another_version_does_not_wait_for_what_a_dead_controller_has_left(
    server: LoadedServer, left_hanging: VersionLoader
) -> None:
    """Nobody wants what hangs there any more: it must not use up the time of a good one."""
    put_good(server.repository, 3)
    await left_hanging.load(MODEL, {1, 3}, 20.0)
    assert await server.ready() == {1, 3}
    assert server.stubs(2) == []


class ThreadNotes(StubWatch):
    """Remembers which threads have looked."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[threading.Thread] = set()

    def scan(self, server_pid: int) -> list[Stub]:
        self.threads.add(threading.current_thread())
        return super().scan(server_pid)


async def test_a_load_does_not_keep_the_event_loop(server: LoadedServer) -> None:
    """To look for stubs takes milliseconds, and is done a hundred times a second."""
    watch = ThreadNotes()
    loader = VersionLoader(server.management, server.repository, server.pid_file, watch)
    watch.threads.clear()
    put(server.repository, 2, INITIALIZE + "time.sleep(1e6)\n")
    with pytest.raises(LoadFailed):
        await loader.load(MODEL, {1, 2}, 2.0)
    assert watch.threads
    assert threading.main_thread() not in watch.threads


async def test_a_server_that_dies_in_a_load_is_away(server: LoadedServer) -> None:
    """That is no fault of the version: it can be loaded once there is a server again."""
    put(server.repository, 2, INITIALIZE + "time.sleep(1e6)\n")
    loading = asyncio.create_task(server.loader.load(MODEL, {1, 2}, LONG_S))
    await eventually(lambda: server.stubs(2), "it is being loaded")
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(TritonAway):
        await loading


async def test_without_versions_a_model_is_unloaded(server: LoadedServer) -> None:
    """The last version goes with its model."""
    await server.loader.load(MODEL, (), LONG_S)
    assert await server.ready() == set()
    await server.loader.load(MODEL, {1}, LONG_S)
    assert await server.ready() == {1}
