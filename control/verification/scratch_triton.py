"""The tritonserver of one verification: started without models, killed with all that it started."""

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from control.config import TritonSettings
from control.launcher.child import Process, exited, start
from control.launcher.tritonserver import EmbeddedTriton, Loads
from control.runtime import InnerPaths
from control.triton.address import parse_address
from control.triton.leftovers import end_leftovers
from control.triton.management import TritonAway, TritonManagement, read_document
from control.triton.server_command import grpc_address
from control.triton.shared_memory import remove_regions
from control.triton.upstream import Upstream
from control.verification.lifetime import end_children, end_group, guarded
from control.verification.stub_processes import how_it_ended
from control.verification.verdicts import CannotJudge, ServerSilent
from control.verification.yielding import have_go_last, have_session_yield

_POLL_S: Final = 0.05
_CONNECTIONS: Final = 64
#: What the kernel has room for, without the byte that ends it.
_MOST_SOCKET_BYTES: Final = 107


class ScratchTriton:
    """A running server. ``ended`` is done when it has died."""

    def __init__(self, process: Process, addresses: TritonSettings, secret: str) -> None:
        """Take over a process that has been started."""
        self._process = process
        self.pid = process.pid
        self.repository = addresses.repository.resolve()
        self.ended = asyncio.create_task(exited(process))
        self.upstream = Upstream(parse_address(addresses.http_url), max_idle=_CONNECTIONS)
        self.management = TritonManagement(parse_address(addresses.grpc_url), secret)

    @property
    def death(self) -> str:
        """How it has died; empty while it lives."""
        status = self._process.poll()
        return "" if status is None else how_it_ended(status)

    async def document(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Give the JSON document at a path; raises ServerSilent."""
        try:
            return msgspec.json.decode(await read_document(self.upstream, path))
        except (TritonAway, msgspec.MsgspecError) as error:
            message = f"the scratch tritonserver does not answer: {error}"
            raise ServerSilent(message) from error

    async def wait_until_live(self, timeout_s: float) -> None:
        """Wait until it answers; raises CannotJudge."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while asyncio.get_running_loop().time() < deadline_s and not self.ended.done():
            with contextlib.suppress(TritonAway):
                await read_document(self.upstream, "/v2/health/live")
                return
            await asyncio.sleep(_POLL_S)
        how = f"died ({self.death})" if self.ended.done() else f"is not live after {timeout_s:g} s"
        message = f"the scratch tritonserver {how}"
        raise CannotJudge(message)


@asynccontextmanager
async def scratch_triton(
    settings: TritonSettings, directory: Path, *, goes_last: bool
) -> AsyncIterator[ScratchTriton]:
    """Run a server on ``settings.repository`` in ``directory``, and leave nothing of it behind.

    One that ``goes_last`` gets no processor that anybody else wants. Nothing may have used gRPC
    before: its threads do not survive the fork.
    """
    paths = InnerPaths(directory)
    longest = len(os.fsencode(grpc_address(paths.triton_grpc).removeprefix("unix:")))
    if longest > _MOST_SOCKET_BYTES:
        message = (
            "the path of the scratch folder is too long: a socket in it has a name of"
            f" {longest} bytes, at most {_MOST_SOCKET_BYTES} are possible"
        )
        raise CannotJudge(message)
    paths.run.mkdir(mode=0o700)
    secret = secrets.token_urlsafe(24)
    triton = EmbeddedTriton(settings, paths, secret, settings.repository, Loads)
    plan = triton.child_plan()
    process = start(plan)
    have_session_yield(process.pid)
    if goes_last:
        have_go_last(process.pid)
    attending = asyncio.ensure_future(plan.attend(process))
    try:
        with guarded(process.pid):
            server = ScratchTriton(process, triton.addresses(), secret)
            await server.wait_until_live(settings.start_timeout_s)
            yield server
            server.upstream.close()
    finally:
        end_group(process.pid)
        end_children()
        attending.cancel()
        await asyncio.gather(attending, return_exceptions=True)


def clean_up(directory: Path) -> None:
    """Remove a verification's folder, and end and remove what a killed one has left elsewhere."""
    prefix = InnerPaths(directory).shared_memory_prefix
    end_leftovers(prefix)
    remove_regions(prefix)
    shutil.rmtree(directory, ignore_errors=True)
