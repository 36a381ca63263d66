"""A tritonserver of its own for looking at models, which is gone afterwards."""

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from control.config import Settings, TritonSettings
from control.launcher.child import Child
from control.launcher.tritonserver import EmbeddedTriton, Loads
from control.runtime import RuntimePaths
from control.triton.address import parse_address
from control.triton.management import TritonManagement
from control.triton.repository import inspect_repository


@dataclass(frozen=True, slots=True)
class ScratchServer:
    """Where it is, what it has loaded, and its process id."""

    addresses: TritonSettings
    index: TritonManagement
    pid_file: Path


@asynccontextmanager
async def scratch_server(
    settings: Settings, models: Sequence[str] | None = None
) -> AsyncIterator[ScratchServer]:
    """Start a server with these models only (None: the whole repository); they may be loading.

    It serves the folder ``triton.repository`` as it is. Raises FileNotFoundError where there is
    none, and TritonNotInstalled.
    """
    repository = settings.triton.repository
    loaded = list(models) if models is not None else inspect_repository(repository).loadable
    directory = Path(tempfile.mkdtemp(prefix="seawall-scratch-"))
    paths = RuntimePaths(directory)
    paths.run.mkdir(mode=0o700)
    secret = secrets.token_urlsafe(24)
    triton = EmbeddedTriton(settings.triton, paths, secret, repository, lambda: Loads(loaded))
    child = Child(triton.child_plan())
    addresses = triton.addresses()
    try:
        child.keep_running()
        await child.started.wait()  # no gRPC before the fork, which its threads do not survive
        index = TritonManagement(parse_address(addresses.grpc_url), secret)
        yield ScratchServer(addresses, index, paths.triton_pid)
    finally:
        await child.stop(settings.triton.exit_timeout_s)
        await triton.clean_up()
        shutil.rmtree(directory, ignore_errors=True)
