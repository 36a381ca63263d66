"""``seawall serve``: prepares the ground, starts all processes, waits, ends them in order."""

import asyncio
import contextlib
import fcntl
import os
import resource
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from control.child import ChildSetup, save_child_setup
from control.config import Settings, without_our_variables
from control.controller.rollouts.policies import Policies
from control.identity.tokens import mint_token, operator_record
from control.launcher.aside import within
from control.launcher.child import Child, ChildPlan, first_of
from control.launcher.dead_gauges import forget_dead_gauges
from control.launcher.extra_servers import ExtraServersKept
from control.launcher.first_start import prepare_served
from control.launcher.known_versions import known_versions
from control.launcher.load_limits import LoadLimit
from control.launcher.server_desk import ServerDesk
from control.launcher.tritonserver import EmbeddedTriton, Loads
from control.observability.logs import get_logger
from control.repository.seeding import SeedingStopped
from control.repository.served import ServedRepository
from control.runtime import RuntimePaths
from control.triton.address import Address, parse_address
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream

_READY_POLL_S = 0.05
_BACKLOG = 2048
_OK = 200
_GRACE_S = 3.0
#: A look at the repository takes longer only where its file system hangs.
_LOOK_S = 10.0
#: A Unix socket's path must fit 108 bytes; the longest of ours needs this many after ``run/``.
_MAX_RUN_PATH = 80

_log = get_logger("launcher")


class LaunchError(Exception):
    """Seawall cannot start; the message says why and what to change."""


class _Stopped(Exception):
    """A signal has come before tritonserver could be started."""


async def launch(settings: Settings, on_ready: Callable[[Settings], None]) -> None:
    """Run Seawall until SIGINT or SIGTERM; raises LaunchError where it cannot start."""
    _check_quota_storage(settings.quotas.storage_url)
    paths = RuntimePaths(settings.state.dir.resolve())
    with _state_directory(paths):
        launcher = _Launcher(settings, paths)
        try:
            await launcher.run(on_ready)
        finally:
            await launcher.stop()


def _check_quota_storage(url: str) -> None:
    """Find out here, and not in each gateway again and again, that a library is missing."""
    if not url:
        return
    # Imported only where it is needed: the launcher stays small.
    from limits.errors import ConfigurationError  # noqa: PLC0415
    from limits.storage import storage_from_string  # noqa: PLC0415

    try:
        storage_from_string(url, implementation="redispy")
    except ConfigurationError as error:
        message = "quotas.storage_url needs a Redis client: pip install 'seawall[redis]'"
        raise LaunchError(message) from error


class _Launcher:
    def __init__(self, settings: Settings, paths: RuntimePaths) -> None:
        self._settings = settings
        self._paths = paths
        self._secret = secrets.token_urlsafe(24)
        self._triton: EmbeddedTriton | None = None
        self._children: list[tuple[Child, float]] = []  # in order of ending, with its patience
        self._sockets: list[socket.socket] = []
        self._desk: ServerDesk | None = None

    async def run(self, on_ready: Callable[[Settings], None]) -> None:
        """Start everything, call ``on_ready`` once requests are answered, wait for a signal."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        listening = {
            "http": self._bind(self._settings.gateway.http),
            "metrics": self._bind(self._settings.metrics.http),
            "admin": self._bind(self._settings.admin.http),
        }
        try:
            settings = await self._start_triton(stop)
        except (SeedingStopped, _Stopped):
            return
        self._start_ours(settings, listening)
        ready = asyncio.create_task(self._wait_ready())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not stop.is_set():
            on_ready(settings)
        await stopped
        ready.cancel()
        _log.info("stopping")

    async def stop(self) -> None:
        """End gateways first, so that requests under way still find Triton; then the others."""
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(name)
        gateways = [one for one in self._children if one[1] > 0]
        others = [one for one in self._children if one not in gateways]
        await asyncio.gather(*(child.stop(abs(patience_s)) for child, patience_s in gateways))
        extra = [self._desk.close()] if self._desk is not None else []
        await asyncio.gather(*extra, *(child.stop(abs(patience_s)) for child, patience_s in others))
        for sock in self._sockets:
            sock.close()
        if self._triton is not None:
            await self._triton.clean_up()

    def _bind(self, address: str) -> socket.socket:
        where = parse_address(address)
        sock = socket.socket(
            socket.AF_INET6 if ":" in where.host else socket.AF_INET, socket.SOCK_STREAM
        )
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets.append(sock)
        try:
            sock.bind((where.host, where.port))
        except OSError as error:
            message = f"cannot listen on {address}: {error.strerror}"
            raise LaunchError(message) from error
        sock.listen(_BACKLOG)
        return sock

    async def _start_triton(self, stop: asyncio.Event) -> Settings:
        if self._settings.triton.http_url:
            return self._settings
        served = await self._served_repository(stop)
        limit = LoadLimit(served, Policies(self._settings.triton.repository))
        self._triton = EmbeddedTriton(
            self._settings.triton,
            self._paths,
            self._secret,
            served.folder,
            lambda: Loads(served.inspect().loadable, limit.longest_s()),
        )
        child = Child(await asyncio.to_thread(self._triton.child_plan))
        self._children.append((child, -(self._settings.triton.exit_timeout_s + _GRACE_S)))
        child.keep_running()
        await first_of(child.started, stop)
        if not child.started.is_set():
            raise _Stopped
        extra = ExtraServersKept(self._settings.triton, self._paths, self._secret)
        self._desk = ServerDesk(extra, self._paths.launcher_socket)
        await self._desk.open()
        return self._settings.model_copy(update={"triton": self._triton.addresses()})

    async def _served_repository(self, stop: asyncio.Event) -> ServedRepository:
        source = self._settings.triton.repository
        served = ServedRepository(self._paths.served, self._paths.staged)
        try:
            if not served.exists() and not await within(_LOOK_S, source.is_dir):
                message = f"model repository '{source}' is not a directory"
                raise LaunchError(message)
            ask_known = partial(known_versions, self._settings, self._paths, stop)
            await prepare_served(served, source, stop.is_set, ask_known)
        except OSError as error:
            reason = error.strerror or "it does not answer"
            message = f"model repository '{source}' cannot be copied: {reason}"
            raise LaunchError(message) from error
        return served

    def _start_ours(self, settings: Settings, listening: dict[str, socket.socket]) -> None:
        descriptors = {name: sock.fileno() for name, sock in listening.items()}
        operator = mint_token()
        _write_private(self._paths.operator_token, operator.text)
        record, run_id = operator_record(operator), secrets.token_hex(8)
        setup = ChildSetup(settings, self._paths, self._secret, descriptors, record, run_id)
        file = self._paths.run / "setup.json"
        save_child_setup(setup, file)
        environment = {
            "MALLOC_ARENA_MAX": "2",  # else each of Flask's threads keeps large bodies' memory
            **without_our_variables(os.environ),
            "PROMETHEUS_MULTIPROC_DIR": str(self._paths.metrics),
        }

        def plan(name: str, module: str) -> ChildPlan:
            return ChildPlan(
                name=name,
                command=[sys.executable, "-m", module, "--setup", str(file)],
                environment=environment,
                inherited=tuple(descriptors.values()),
                prepare=partial(forget_dead_gauges, self._paths.metrics),
            )

        controller = Child(plan("controller", "control.controller.process"))
        self._children.append((controller, -_GRACE_S))
        gateways = [
            Child(plan(f"gateway-{number}", "control.gateway.process"))
            for number in range(settings.gateway.workers)
        ]
        drain_s = settings.gateway.drain_timeout_s + _GRACE_S
        self._children += [(gateway, drain_s) for gateway in gateways]
        for child in (controller, *gateways):
            child.keep_running()

    async def _wait_ready(self) -> None:
        where = parse_address(self._settings.gateway.http)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104
        upstream = Upstream(Address(host=host, port=where.port), max_idle=1)
        while True:
            with contextlib.suppress(ConnectRefused, ConnectionLost):
                answer = await upstream.request("GET", "/v2/health/ready")
                if answer.status == _OK:
                    upstream.close()
                    return
            await asyncio.sleep(_READY_POLL_S)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


@contextlib.contextmanager
def _state_directory(paths: RuntimePaths) -> Iterator[None]:
    """Lock the state directory and make a fresh, private run directory in it."""
    if len(os.fsencode(paths.run)) > _MAX_RUN_PATH:
        message = f"state directory '{paths.state}' has too long a path for sockets in it"
        raise LaunchError(message)
    try:
        paths.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Path(paths.lock).open("w")  # noqa: SIM115 - held until the end of this function
    except OSError as error:
        message = f"state directory '{paths.state}' cannot be used: {error.strerror}"
        raise LaunchError(message) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"another Seawall runs on the state directory '{paths.state}'"
            raise LaunchError(message) from error
        shutil.rmtree(paths.run, ignore_errors=True)
        paths.run.mkdir(mode=0o700)
        paths.metrics.mkdir()
        _keep_copies_private(paths)
        _raise_descriptor_limit()
        try:
            yield
        finally:
            shutil.rmtree(paths.run, ignore_errors=True)


def _keep_copies_private(paths: RuntimePaths) -> None:
    """Let nobody else at copies whose originals may be their author's only."""
    for folder in (paths.staged, paths.artifacts):
        folder.mkdir(mode=0o700, exist_ok=True)
    for folder in (paths.served, paths.staged, paths.artifacts):
        # There is none yet, or it is somebody else's, who has let us write to it.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            folder.chmod(0o700)


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
