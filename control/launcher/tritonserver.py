"""The embedded tritonserver as a child: prepared, watched while it starts, its log captured."""

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.config import TritonSettings
from control.launcher.child import ChildPlan, Process
from control.observability.logs import get_logger
from control.runtime import RuntimePaths
from control.triton.address import Address
from control.triton.installation import assemble_backends, find_installation, server_environment
from control.triton.leftovers import end_leftovers
from control.triton.server_command import ServerPlan, grpc_address, server_arguments
from control.triton.shared_memory import remove_leaked_regions, remove_regions
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream

_POLL_S: Final = 0.05
_AGAIN_S: Final = 5.0
_LOG_END_S: Final = 1.0
#: The NVIDIA driver's control device, natively and in Windows' Linux subsystem.
_GPU_DEVICES: Final = ("/dev/nvidiactl", "/dev/dxg")
_OK: Final = 200
#: Linux gives clients ports from 32768 on, unless it is told otherwise.
_LEAST_PORT, _LEAST_CLIENT_PORT = 10_240, 32_768
#: ``2026-11-22T15:24:43Z E 4575 server.cc:345] "text"``
_SEVERITY: Final = re.compile(r"^\S+Z (?P<letter>[IWEF]) \d+ ")

#: A version has come up, or has failed.
_LOAD_ENDED: Final = re.compile(
    r"model_lifecycle\.cc:\d+\] \"(?:successfully loaded|failed to load) "
)

_log = get_logger("tritonserver")


@dataclass(frozen=True, slots=True)
class Loads:
    """What a server begins with: models, and how long a version of them may take at most."""

    models: Sequence[str] = ()
    longest_s: float = 0.0


class EmbeddedTriton:
    """Plans the child and tells the others where it listens."""

    def __init__(
        self,
        settings: TritonSettings,
        paths: RuntimePaths,
        secret: str,
        repository: Path,
        loads: Callable[[], Loads],
    ) -> None:
        """Choose addresses; raises TritonNotInstalled.

        ``loads`` is asked before each start for what is loaded from ``repository``.
        """
        self._settings = settings
        self._paths = paths
        self._installation = find_installation()
        self._secret = secret
        self._metrics_port = _free_port()
        self._repository = repository.resolve()
        self._loads = loads
        self._patience_s = settings.start_timeout_s
        self._readings: set[asyncio.Task[None]] = set()
        self._plan = ChildPlan(
            name="tritonserver",
            command=[],
            environment=server_environment(self._installation),
            prepare=self._prepare,
            attend=self._attend,
            capture_output=True,
        )

    def addresses(self) -> TritonSettings:
        """Give the settings with which gateways and controller reach this server."""
        return self._settings.model_copy(
            update={
                "http_url": f"unix:{self._paths.triton_http}",
                "grpc_url": grpc_address(self._paths.triton_grpc),
                "metrics_url": f"127.0.0.1:{self._metrics_port}",
            }
        )

    def child_plan(self) -> ChildPlan:
        """Plan the process; its command is made anew before each start."""
        assemble_backends(self._installation, self._paths.backends)
        self._plan_start(self._loads())
        return self._plan

    async def clean_up(self) -> None:
        """Once the server is over: end and remove all that is left of it, and log its last words.

        That goes for the servers within its run directory, too.
        """
        await asyncio.to_thread(end_leftovers, self._paths.shared_memory_prefix)
        if self._readings:  # unless something without our mark holds its pipe open
            await asyncio.wait(self._readings, timeout=_LOG_END_S)
        await asyncio.to_thread(self._remove_left, remove_regions)

    def _remove_left(self, remove: Callable[[str], int]) -> int:
        for left in self._paths.run.glob("triton-*.sock*"):
            left.unlink(missing_ok=True)
        return remove(self._paths.shared_memory_prefix)

    async def _prepare(self) -> None:
        # Servers within the run directory may be alive: what they have mapped stays.
        removed = await asyncio.to_thread(self._remove_left, remove_leaked_regions)
        if removed:
            _log.warning("leaked_shared_memory_removed", regions=removed)
        self._plan_start(await asyncio.to_thread(self._loads))

    def _plan_start(self, loads: Loads) -> None:
        self._plan.command = self._command(loads.models)
        self._patience_s = max(self._settings.start_timeout_s, loads.longest_s)

    def _command(self, models: Sequence[str]) -> list[str]:
        plan = ServerPlan(
            repository=self._repository,
            backends=self._paths.backends,
            http_socket=self._paths.triton_http,
            grpc_socket=self._paths.triton_grpc,
            metrics_port=self._metrics_port,
            admin_secret=self._secret,
            shared_memory_prefix=self._paths.shared_memory_prefix,
            exit_timeout_s=self._settings.exit_timeout_s,
            models=models,
            has_gpu=any(Path(device).exists() for device in _GPU_DEVICES),
        )
        return [str(self._installation.server), *server_arguments(plan)]

    async def _attend(self, process: Process) -> None:
        start = _Start()
        self._read_log(process, start)
        telling = asyncio.create_task(_tell_pid(self._paths.triton_pid, process.pid))
        try:
            await self._wait_until_live(start)
            _log.info("live", pid=process.pid)
            await telling
        finally:
            telling.cancel()

    def _read_log(self, process: Process, start: "_Start") -> None:
        """Read it to its end, whatever becomes of the rest: a full pipe would stop the server."""
        reading = asyncio.create_task(_pass_log_on(process, start))
        self._readings.add(reading)
        reading.add_done_callback(self._readings.discard)

    async def _wait_until_live(self, start: "_Start") -> None:
        """Wait until all is loaded; raises TimeoutError where nothing comes up for too long."""
        upstream = Upstream(Address(unix_path=str(self._paths.triton_http)), max_idle=1)
        while True:
            async with asyncio.timeout_at(start.moved_s + self._patience_s):
                with contextlib.suppress(ConnectRefused, ConnectionLost):
                    answer = await upstream.request("GET", "/v2/health/live")
                    if answer.status == _OK:
                        upstream.close()
                        return
                await asyncio.sleep(_POLL_S)


class _Start:
    """Since when, by the event loop's clock, a start has stood still."""

    def __init__(self) -> None:
        self.moved_s = asyncio.get_running_loop().time()

    def note(self, line: str) -> None:
        """Hear of a load that has ended: others may have waited for it."""
        if _LOAD_ENDED.search(line):
            self.moved_s = asyncio.get_running_loop().time()


async def _pass_log_on(process: Process, start: _Start) -> None:
    """Write each line that the server or a model prints as an event of our own log."""
    reader = asyncio.StreamReader()
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), process.stdout
    )
    try:
        await _pass_lines_on(reader, start)
    finally:
        pipe.close()


async def _pass_lines_on(reader: asyncio.StreamReader, start: _Start) -> None:
    writers: dict[str, Callable[..., object]] = {
        "I": _log.debug,
        "W": _log.warning,
        "E": _log.error,
        "F": _log.error,
    }
    while True:
        try:
            raw = await reader.readline()
        except ValueError:
            continue  # a line longer than the reader's limit: dropped
        if not raw:
            return
        line = raw.decode(errors="replace").rstrip()
        start.note(line)
        found = _SEVERITY.match(line)
        letter = found["letter"] if found else "I"
        if line:
            with contextlib.suppress(OSError):  # no room for our own log: that must stop no server
                writers[letter]("triton_log", line=line[:2000])


def _free_port() -> int:
    """Find a free port, not among those that the kernel gives to clients while Triton starts."""
    while True:
        port = _LEAST_PORT + secrets.randbelow(_LEAST_CLIENT_PORT - _LEAST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


async def _tell_pid(file: Path, pid: int) -> None:
    """Write it down, as soon as that is possible: the disk may be full."""
    while True:
        try:
            _write_atomically(file, str(pid))
        except OSError as error:
            _log.error("pid_unwritten", pid=pid, reason=str(error), again_in_s=_AGAIN_S)
            await asyncio.sleep(_AGAIN_S)
        else:
            return


def _write_atomically(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)
