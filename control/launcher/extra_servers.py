"""Tritonservers beside the main one, each for a version that is tried out.

One that dies stays dead until it is asked for again: what has killed it must not go on.
"""

import asyncio
import shutil
from pathlib import Path
from typing import Final

from control.config import TritonSettings
from control.launcher.child import Child, first_of
from control.launcher.tritonserver import EmbeddedTriton, Loads
from control.link.server_orders import ExtraServer, StartServer
from control.runtime import ExtraPaths, RuntimePaths
from control.triton.repository import inspect_repository

_MAX_SERVERS: Final = 16
_MAX_NAME: Final = 300
_GRACE_S: Final = 3.0


class OrderRefused(Exception):
    """An order that is not carried out; the message says why."""


class ExtraServersKept:
    """All that run, by name, and those that have exited. Belongs to the event loop."""

    def __init__(self, settings: TritonSettings, paths: RuntimePaths, secret: str) -> None:
        """Start them with the main one's settings and ``secret``, below the run directory."""
        self._settings = settings
        self._paths = paths
        self._secret = secret
        self._servers: dict[str, _Kept] = {}
        self._numbers: set[int] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()

    def all(self) -> list[ExtraServer]:
        """Say which there are."""
        return [one.told() for one in self._servers.values()]

    async def start(self, order: StartServer) -> ExtraServer:
        """Start one that does not run; raises OrderRefused, TritonNotInstalled or OSError."""
        async with self._starting:
            present = self._servers.get(order.name)
            if present is not None and not present.exited:
                _must_be_alike(order, present.order)
                return present.told()
            repository = await asyncio.to_thread(_checked, order, self._paths.state)
            self.stop(order.name)
            if len(self._numbers) >= _MAX_SERVERS:
                message = f"{_MAX_SERVERS} extra tritonservers run already"
                raise OrderRefused(message)
            self._servers[order.name] = kept = await self._begin(order, repository)
            return kept.told()

    def stop(self, name: str) -> None:
        """End one, if there is one of that name, in its own time."""
        kept = self._servers.pop(name, None)
        if kept is not None:
            task = asyncio.create_task(self._end(kept))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def stop_all(self) -> None:
        """End them all, and wait until they have ended."""
        async with self._starting:
            for name in list(self._servers):
                self.stop(name)
            await asyncio.gather(*self._ending)

    async def _begin(self, order: StartServer, repository: Path) -> "_Kept":
        number = min(set(range(_MAX_SERVERS)) - self._numbers)
        self._numbers.add(number)
        paths = self._paths.extra_server(number)
        try:
            paths.run.mkdir(mode=0o700)
            loads = Loads(order.models, order.load_timeout_s)
            triton = EmbeddedTriton(self._settings, paths, self._secret, repository, lambda: loads)
            plan = await asyncio.to_thread(triton.child_plan)
        except BaseException:
            shutil.rmtree(paths.run, ignore_errors=True)
            self._numbers.discard(number)
            raise
        plan.name = f"tritonserver of {order.name}"
        kept = _Kept(order, number, paths, triton, Child(plan))
        await kept.run()
        return kept

    async def _end(self, kept: "_Kept") -> None:
        await kept.end(self._settings.exit_timeout_s + _GRACE_S)
        self._numbers.discard(kept.number)


class _Kept:
    """One server."""

    def __init__(
        self,
        order: StartServer,
        number: int,
        paths: ExtraPaths,
        triton: EmbeddedTriton,
        child: Child,
    ) -> None:
        self.order = order
        self.number = number
        self._paths = paths
        self._triton = triton
        self._child = child
        self._code: int | None = None
        self._over = asyncio.Event()
        self._cleaning: asyncio.Task[None] | None = None

    @property
    def exited(self) -> bool:
        """Whether it has ended by itself."""
        return self._over.is_set()

    async def run(self) -> None:
        """Start the process; returns once there is one, or there can be none."""
        self._child.run_once(self._note_end)
        await first_of(self._child.started, self._over)

    async def end(self, patience_s: float) -> None:
        """End it and remove what it has left."""
        await self._child.stop(patience_s)
        await (self._cleaning or self._clean_up())
        await asyncio.to_thread(shutil.rmtree, self._paths.run, ignore_errors=True)

    def told(self) -> ExtraServer:
        """Say where it is, and whether it is."""
        addresses = self._triton.addresses()
        return ExtraServer(
            name=self.order.name,
            http_url=addresses.http_url,
            grpc_url=addresses.grpc_url,
            metrics_url=addresses.metrics_url,
            pid_file=str(self._paths.triton_pid),
            exited=self.exited,
            code=self._code,
        )

    def _note_end(self, code: int | None) -> None:
        self._code = code
        self._over.set()
        self._cleaning = self._clean_up()

    def _clean_up(self) -> asyncio.Task[None]:
        return asyncio.create_task(self._triton.clean_up())


def _must_be_alike(order: StartServer, present: StartServer) -> None:
    if (order.repository, order.models) != (present.repository, present.models):
        message = f"a tritonserver '{order.name}' runs already, with other models"
        raise OrderRefused(message)


def _checked(order: StartServer, state: Path) -> Path:
    """Give the repository of an order that can be carried out; raises OrderRefused."""
    if not (0 < len(order.name) <= _MAX_NAME and order.name.isprintable()):
        message = f"a name has 1 to {_MAX_NAME} printable characters"
        raise OrderRefused(message)
    repository = Path(order.repository).resolve()
    if not repository.is_dir() or state.resolve() not in repository.parents:
        message = "the repository is no folder in the state directory"
        raise OrderRefused(message)
    if not order.models:
        message = "no models are named"
        raise OrderRefused(message)
    found = inspect_repository(repository)
    refused = {one.model: one.reason for one in found.refused}
    for model in order.models:
        if model not in found.loadable:
            message = f"model '{model}' {refused.get(model, 'is not in the repository')}"
            raise OrderRefused(message)
    return repository
