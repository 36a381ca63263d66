"""Extra tritonservers: orders over the socket, and what they start."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.config import TritonSettings
from control.launcher.extra_servers import ExtraServersKept
from control.launcher.server_desk import ServerDesk
from control.link.launcher_client import ExtraServers, LauncherAway, ServerRefused
from control.link.server_orders import ExtraServer
from control.runtime import RuntimePaths
from control.triton.address import parse_address
from control.triton.management import GrpcIndex, TritonAway
from tests.support.polls import eventually
from tests.triton.loaded_server import MODEL, new_repository, put

SECRET = "s3cret"


class Desk:
    """What a launcher has of this, in a state directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.paths = RuntimePaths(directory)
        self.paths.run.mkdir(mode=0o700)
        self.repository = new_repository(directory)
        self.settings = TritonSettings(exit_timeout_s=3)
        self.desk = ServerDesk(
            ExtraServersKept(self.settings, self.paths, SECRET), self.paths.launcher_socket
        )
        self.servers = ExtraServers(self.paths.launcher_socket)

    async def ask(self, line: bytes) -> bytes:
        """Send a line as it is, and give what comes back."""
        reader, writer = await asyncio.open_unix_connection(str(self.paths.launcher_socket))
        writer.write(line)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()

    def regions(self) -> list[Path]:
        """Shared memory of the extra servers."""
        prefixes = [self.paths.extra_server(n).shared_memory_prefix for n in range(3)]
        return [one for prefix in prefixes for one in Path("/dev/shm").glob(f"{prefix}*")]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """One that is open; in a short path, for the sockets' sake."""
    with tempfile.TemporaryDirectory(prefix="seawall-") as directory:
        one = Desk(Path(directory))
        await one.desk.open()
        yield one
        await one.desk.close()
        assert one.regions() == []
        assert [file.name for file in one.paths.run.glob("x*")] == []


async def ready_versions(server: ExtraServer) -> set[int]:
    """The versions that a server has ready; waits until there are some."""
    index = GrpcIndex(parse_address(server.grpc_url), SECRET)
    try:
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(TritonAway):
                    found = {one.version for one in await index.read() if one.state == "READY"}
                    if found:
                        return found
                await asyncio.sleep(0.05)
    finally:
        await index.close()


def pid_of(server: ExtraServer) -> int:
    """The process id of a server."""
    return int(Path(server.pid_file).read_text())


@pytest.mark.triton
async def test_a_server_runs_until_it_is_stopped(desk: Desk) -> None:
    """Asking for it again gives the same one; stopping it leaves nothing of it."""
    server = await desk.servers.start("m-1", desk.repository, [MODEL])
    assert await ready_versions(server) == {1}
    assert await desk.servers.start("m-1", desk.repository, [MODEL]) == server
    assert await desk.servers.all() == [server]
    pid = pid_of(server)
    assert parse_address(server.http_url).unix_path
    await desk.servers.stop("m-1")
    assert await desk.servers.all() == []
    await eventually(lambda: not Path(f"/proc/{pid}").exists(), "it has ended")
    await desk.servers.stop("m-1")


@pytest.mark.triton
async def test_one_that_dies_stays_dead_until_it_is_asked_for(desk: Desk) -> None:
    """What has killed it must not go on; a new one has new addresses, and the other goes on."""
    first = await desk.servers.start("m-1", desk.repository, [MODEL])
    other = await desk.servers.start("n-1", desk.repository, [MODEL])
    await ready_versions(first)
    await ready_versions(other)
    assert first.http_url != other.http_url
    os.kill(pid_of(first), signal.SIGKILL)

    async def exited() -> ExtraServer | None:
        return next((one for one in await desk.servers.all() if one.exited), None)

    async with asyncio.timeout(20):
        while not (dead := await exited()):
            await asyncio.sleep(0.01)
    assert (dead.name, dead.code) == ("m-1", -signal.SIGKILL)
    again = await desk.servers.start("m-1", desk.repository, [MODEL])
    assert not again.exited
    assert await ready_versions(again) == {1}
    assert await ready_versions(other) == {1}


@pytest.mark.triton
async def test_a_server_may_take_as_long_as_the_contract_says(desk: Desk) -> None:
    """A version that loads for minutes is no dead server; without a word, the settings hold."""
    hasty = desk.settings.model_copy(update={"start_timeout_s": 3.0})
    desk.desk._servers = ExtraServersKept(hasty, desk.paths, SECRET)
    code = desk.repository / MODEL / "1" / "model.py"
    slowly = "    def initialize(self, args):\n        __import__('time').sleep(6)\n"
    code.write_text(code.read_text().replace("Model:\n", f"Model:\n{slowly}", 1))
    await desk.servers.start("hurried", desk.repository, [MODEL])
    patient = await desk.servers.start("patient", desk.repository, [MODEL], 60.0)
    assert await ready_versions(patient) == {1}
    states = {one.name: (one.exited, one.code) for one in await desk.servers.all()}
    assert states == {"hurried": (True, -signal.SIGKILL), "patient": (False, None)}


async def test_an_order_that_cannot_be_carried_out_says_why(desk: Desk, tmp_path: Path) -> None:
    """Nothing outside the state directory is served, nothing that would hang, nothing unnamed."""
    put(desk.repository, 2, None)
    inside = desk.paths.state
    for name, repository, models, reason in [
        ("", desk.repository, [MODEL], "a name has 1 to 300 printable characters"),
        ("m\n", desk.repository, [MODEL], "a name has 1 to 300 printable characters"),
        ("m" * 301, desk.repository, [MODEL], "a name has 1 to 300 printable characters"),
        ("m", tmp_path, [MODEL], "the repository is no folder in the state directory"),
        ("m", inside, [MODEL], "the repository is no folder in the state directory"),
        ("m", inside / ".." / "x", [MODEL], "the repository is no folder in the state directory"),
        ("m", desk.repository, [], "no models are named"),
        ("m", desk.repository, ["*"], "model '*' is not in the repository"),
        ("m", desk.repository, ["../served"], "model '../served' is not in the repository"),
        ("m", desk.repository, [MODEL], f"model '{MODEL}' version 2 has no model.py"),
    ]:
        with pytest.raises(ServerRefused) as refused:
            await desk.servers.start(name, repository, models)
        assert str(refused.value) == reason
    assert await desk.servers.all() == []


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b'{"do":"start"}\n',
        b'{"do":"run","name":"m"}\n',
        b'{"do":"list","more":1}\n',
        b'{"do":"stop","name":7}\n',
        b"\xff\xfe\n",
        b"[" * 10_000 + b"\n",
    ],
)
async def test_what_is_no_order_is_refused(desk: Desk, line: bytes) -> None:
    """Whatever comes over the socket, the launcher answers and goes on."""
    assert (await desk.ask(line)).startswith(b'{"ok":false,"error":"not an order: ')
    assert await desk.servers.all() == []


async def test_an_endless_line_ends_the_connection(desk: Desk) -> None:
    """The launcher keeps nobody's megabytes."""
    with contextlib.suppress(ConnectionError):
        assert await desk.ask(b"x" * 200_000) == b""
    assert await desk.servers.all() == []


async def test_a_launcher_that_is_gone_is_away(tmp_path: Path) -> None:
    """Whoever asks is told at once, and may ask again."""
    with pytest.raises(LauncherAway):
        await ExtraServers(tmp_path / "launcher.sock").all()
