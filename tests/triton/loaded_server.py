"""A tritonserver with one model, and versions of it, good and bad, to load beside the first."""

import asyncio
import compileall
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from control.config import Settings
from control.launcher.scratch_server import scratch_server
from control.triton.loading import VersionLoader
from control.triton.management import TritonAway, TritonManagement
from control.triton.stubs import Stub, StubWatch
from tests.support.clients import SteadyClients
from tests.support.relay import Relay
from tests.support.stack import TEST_MODELS

#: A name as a real one has it; the rest of Triton's names for its instances is taken apart by it.
MODEL = "my_model"
_START_S = 60.0


def new_repository(directory: Path) -> Path:
    """A repository with version 1 of the model, which is loaded at the start."""
    model = directory / "served" / MODEL
    model.mkdir(parents=True)
    config = (TEST_MODELS / "identity" / "config.pbtxt").read_text()
    pin = "version_policy { specific { versions: [ 1 ] } }\n"
    (model / "config.pbtxt").write_text(config + pin)
    put_good(model.parent, 1)
    return model.parent


def put_good(repository: Path, version: int) -> None:
    """Drop a version that answers with what it is asked."""
    folder = repository / MODEL / str(version)
    folder.mkdir()
    shutil.copy(TEST_MODELS / "identity" / "1" / "model.py", folder)
    # Else the stub writes it, and Triton takes the version for another one at the next load.
    compileall.compile_dir(folder, quiet=1)


def put(repository: Path, version: int, code: str | None) -> None:
    """Drop a version with this code; None is one without."""
    folder = repository / MODEL / str(version)
    folder.mkdir()
    if code is not None:
        (folder / "model.py").write_text(code)


@dataclass(slots=True)
class LoadedServer:
    """What tests look at."""

    repository: Path
    pid_file: Path
    management: TritonManagement
    loader: VersionLoader
    socket: Path
    watch: StubWatch = field(default_factory=StubWatch)

    @property
    def pid(self) -> int:
        """The process id of tritonserver."""
        return int(self.pid_file.read_text())

    def stubs(self, version: int) -> list[Stub]:
        """The living processes of a version."""
        found = self.watch.scan(self.pid)
        return [one for one in found if one.version == version and not one.dead]

    async def ready(self) -> set[int]:
        """The versions that Triton calls ready."""
        return {one.version for one in await self.management.read() if one.state == "READY"}

    @contextlib.contextmanager
    def clients_of_version_1(self) -> Iterator[SteadyClients]:
        """Clients that ask version 1 without a pause."""
        relay = Relay(self.socket)
        try:
            with SteadyClients(relay.address, 2, f"{MODEL}/versions/1") as clients:
                yield clients
        finally:
            relay.close()


@contextlib.asynccontextmanager
async def loaded_server(directory: Path) -> AsyncIterator[LoadedServer]:
    """Start one with version 1 ready."""
    repository = new_repository(directory)
    settings = Settings.model_validate(
        {"triton": {"repository": str(repository), "exit_timeout_s": 3}}
    )
    async with scratch_server(settings, [MODEL]) as server:
        loader = VersionLoader(server.index, repository, server.pid_file, StubWatch())
        socket = Path(server.addresses.http_url.removeprefix("unix:"))
        one = LoadedServer(repository, server.pid_file, server.index, loader, socket)
        async with asyncio.timeout(_START_S):
            while not await _is_ready(one):
                await asyncio.sleep(0.05)
        yield one


async def _is_ready(server: LoadedServer) -> bool:
    try:
        return await server.ready() == {1} and server.socket.is_socket()
    except TritonAway:
        return False
