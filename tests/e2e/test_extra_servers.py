"""A tritonserver beside the main one, under the launcher of a whole Seawall."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from control.link.launcher_client import ExtraServers
from control.link.server_orders import ExtraServer
from control.runtime import RuntimePaths
from tests.support.clients import SteadyClients
from tests.support.stack import TEST_MODELS, Stack, wait_until

pytestmark = pytest.mark.triton


def started(stack: Stack) -> ExtraServer:
    """Have one run that serves what the main one serves."""
    paths = RuntimePaths(stack.state)
    asking = ExtraServers(paths.launcher_socket).start("identity-1", paths.served, ["identity"])
    server = asyncio.run(asking)
    wait_until(Path(server.pid_file).is_file, "it has started")
    return server


def test_its_death_is_nothing_to_the_main_one() -> None:
    """It may be killed: no request to the main server fails, and it is not started again."""
    with Stack(TEST_MODELS) as stack:
        main = stack.triton_pid
        server = started(stack)
        with SteadyClients(stack.http, 2) as clients:
            os.kill(int(Path(server.pid_file).read_text()), signal.SIGKILL)
            listed = ExtraServers(RuntimePaths(stack.state).launcher_socket)
            wait_until(lambda: asyncio.run(listed.all())[0].exited, "its end is told")
            seen = clients.tally.total
            wait_until(lambda: clients.tally.total > seen + 50, "answers")
        assert set(clients.tally.statuses) == {"200"}
        assert stack.triton_pid == main


def test_it_ends_with_the_launcher() -> None:
    """Nothing of it is left: no process, no memory, no file."""
    with Stack(TEST_MODELS) as stack:
        server = started(stack)
        pid = int(Path(server.pid_file).read_text())
        prefix = RuntimePaths(stack.state).extra_server(0).shared_memory_prefix
        wait_until(lambda: list(Path("/dev/shm").glob(f"{prefix}*")), "it loads its model")
        assert stack.stop() == 0
    assert not Path(f"/proc/{pid}").exists()
    assert list(Path("/dev/shm").glob(f"{prefix}*")) == []
    assert not (stack.state / "run").exists()
