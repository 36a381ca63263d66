"""A whole running Seawall for tests: `seawall serve` in a process of its own, with real Triton."""

import atexit
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from control.runtime import RuntimePaths

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "model_repository"
TEST_MODELS = ROOT / "tests" / "models"

#: Not the generator that tests seed: two of them must not choose alike.
_PORTS = random.SystemRandom()
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 60.0


def free_port() -> int:
    """Find a free TCP port on loopback, below those that the kernel gives to clients."""
    while True:
        port = _PORTS.randrange(10_240, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
    """Poll a condition until it is true; fail with its name after ``timeout_s``."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    message = f"not within {timeout_s:g} s: {what}"
    raise AssertionError(message)


class Stack:
    """One `seawall serve`. Use as a context manager: it ends what it has started."""

    def __init__(
        self, repository: Path, settings: Mapping[str, Mapping[str, object]] | None = None
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="seawall-test-"))
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)
        self.state = self.directory / "var"
        self.http = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.admin = f"127.0.0.1:{free_port()}"
        self.log = self.directory / "log.jsonl"
        tree: dict[str, dict[str, object]] = {
            "gateway": {"http": self.http},
            "metrics": {"http": self.metrics},
            "admin": {"http": self.admin},
            "triton": {"repository": str(repository), "exit_timeout_s": 3},
            "state": {"dir": str(self.state)},
            "log": {"format": "json"},
        }
        for section, values in (settings or {}).items():
            tree.setdefault(section, {}).update(values)
        self.config = self.directory / "seawall.toml"
        self.config.write_text(_toml(tree))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "control", "serve", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={k: v for k, v in os.environ.items() if not k.startswith("SEAWALL_")},
            )
        try:
            wait_until(self._ready_or_dead, "Seawall is ready", _START_TIMEOUT_S)
            if self.process.poll() is not None:
                message = f"Seawall ended with {self.process.returncode}"
                raise AssertionError(message)
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.log.read_text()[-4000:]}") from error

    def stop(self) -> int | None:
        """End it by SIGTERM and give its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode

    @property
    def triton_socket(self) -> Path:
        """Triton's own HTTP socket, behind the guard."""
        return self.state / "run" / "triton-http.sock"

    @property
    def triton_pid(self) -> int:
        """The process id of tritonserver now."""
        return int((self.state / "run" / "tritonserver.pid").read_text())

    def child_pid(self, module: str) -> int:
        """The process id of the controller or the first gateway, by its module."""
        assert self.process is not None
        for pid in children_of(self.process.pid):
            if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        message = f"no process runs {module}"
        raise AssertionError(message)

    def descendants(self) -> set[int]:
        """Every process that this Seawall has started, directly or not."""
        assert self.process is not None
        found: set[int] = set()
        queue = [self.process.pid]
        while queue:
            for pid in children_of(queue.pop()):
                found.add(pid)
                queue.append(pid)
        return found

    def shared_memory(self) -> list[str]:
        """The shared-memory regions of this Seawall's Triton."""
        prefix = RuntimePaths(self.state.resolve()).shared_memory_prefix
        return [one.name for one in Path("/dev/shm").glob(f"{prefix}*")]

    @property
    def operator_token(self) -> str:
        """The token that this Seawall drew for its owner."""
        return RuntimePaths(self.state).operator_token.read_text()

    def status(self) -> dict[str, Any]:
        """The admin API's status document."""
        document: dict[str, Any] = self.ask_admin("GET", "/status")
        return document

    def ask_admin(self, method: str, path: str, body: object = None) -> Any:
        """One request to the admin API as the operator; gives the document, None where none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.operator_token}"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        url = f"http://{self.admin}/admin/v1{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get_status(self, path: str) -> int:
        """The HTTP status of a GET on the gateway; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a series over all label sets that contain ``labels``."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.split("{")[0].split(" ")[0] == name and all(one in line for one in wanted)
        )

    def _ready_or_dead(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None or self.get_status("/v2/health/ready") == 200


def children_of(pid: int) -> list[int]:
    """The live children of a process."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, file.read_text().split())
        except OSError:
            continue
    return found


def kill(pid: int) -> None:
    """Kill a process the hard way."""
    os.kill(pid, signal.SIGKILL)


def _toml(tree: Mapping[str, Mapping[str, object]]) -> str:
    lines = []
    for section, values in tree.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"
