"""A tritonserver with nothing in front, started as Seawall starts its own, and started again."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from control.runtime import RuntimePaths
from control.triton.installation import assemble_backends, find_installation, server_environment
from control.triton.server_command import ServerPlan, server_arguments
from control.triton.shared_memory import remove_leaked_regions
from tests.fuzz.client import Client, NoAnswer
from tests.fuzz.repository import MODELS
from tests.support.stack import children_of, free_port

_START_TIMEOUT_S = 120.0
_EXIT_TIMEOUT_S = 3.0
_POLL_S = 0.05
#: The configs are complete; to look for more in the models takes longer than all else.
_QUICK = ("--disable-auto-complete-config",)
#: More than any request needs, and less than would take the machine from everybody else.
_ADDRESS_SPACE_BYTES = 16 * 1024**3


class NotStarted(Exception):
    """The server did not come up."""


class DirectTriton:
    """One tritonserver on a Unix socket. Use as a context manager: it ends what it has started."""

    name = "direct"

    def __init__(self, repository: Path, directory: Path) -> None:
        self._paths = RuntimePaths(directory / "triton")
        self._paths.run.mkdir(parents=True)
        self._installation = find_installation()
        assemble_backends(self._installation, self._paths.backends)
        self._repository = repository
        self._log = directory / "triton.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._stubs: list[int] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def address(self) -> Path:
        """Where it takes HTTP requests."""
        return self._paths.triton_http

    @property
    def pid(self) -> int:
        """Its process id; 0 where it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it and wait until every model is ready; raises NotStarted."""
        plan = ServerPlan(
            repository=self._repository,
            backends=self._paths.backends,
            http_socket=self._paths.triton_http,
            grpc_socket=self._paths.triton_grpc,
            metrics_port=free_port(),
            admin_secret="none",
            shared_memory_prefix=self._paths.shared_memory_prefix,
            exit_timeout_s=int(_EXIT_TIMEOUT_S),
            models=MODELS,
            has_gpu=False,
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._installation.server), *server_arguments(plan), *_QUICK],
                stdout=log,
                stderr=log,
                env=server_environment(self._installation),
            )
        self._bound(self._process.pid)
        self._wait_ready()
        self._stubs = children_of(self._process.pid)

    def has_died(self, patience_s: float = 0.0) -> bool:
        """Whether the server has ended; gives it ``patience_s`` to do so."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        return self._process.returncode is not None

    def restart(self) -> None:
        """End it, if it has not ended, and start it anew."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """End it the hard way, with all that it leaves."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        self._kill_stubs()
        for left in self._paths.run.glob("triton-*.sock*"):
            left.unlink(missing_ok=True)
        self._remove_regions()

    def _kill_stubs(self) -> None:
        """End the Python processes: one that is busy outlives its server."""
        prefix = self._paths.shared_memory_prefix.encode()
        for stub in self._stubs:
            with contextlib.suppress(OSError):
                if prefix in Path(f"/proc/{stub}/cmdline").read_bytes():  # still ours
                    os.kill(stub, signal.SIGKILL)

    def _remove_regions(self) -> None:
        """Remove its shared memory; its stubs need a moment to let go of theirs."""
        prefix = self._paths.shared_memory_prefix
        give_up_s = time.monotonic() + _EXIT_TIMEOUT_S
        while time.monotonic() < give_up_s:
            remove_leaked_regions(prefix)
            if not any(Path("/dev/shm").glob(f"{prefix}*")):
                return
            time.sleep(_POLL_S)

    @staticmethod
    def _bound(pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        limits = (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES)
        resource.prlimit(pid, resource.RLIMIT_AS, limits)

    def _wait_ready(self) -> None:
        give_up_s = time.monotonic() + _START_TIMEOUT_S
        with Client(self.address) as client:
            while time.monotonic() < give_up_s and not self.has_died():
                with contextlib.suppress(NoAnswer):
                    if all(_is_ready(client, model) for model in MODELS):
                        return
                time.sleep(_POLL_S)
        raise NotStarted(self._log.read_text(errors="replace")[-2000:])


def _is_ready(client: Client, model: str) -> bool:
    request = f"GET /v2/models/{model}/ready HTTP/1.1\r\nHost: fuzz\r\n\r\n".encode()
    return client.exchange(request, "GET").status == 200
