"""Seawall with one gateway worker in front of the shared Triton, or one that runs already."""

import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import wire
from benchmarks.targets import Address, TargetFailed, TcpAddress
from benchmarks.targets.front import Front
from benchmarks.targets.process import FreePorts

_READY_S = 60.0
_HTTP_OK = 200
_CONFIG = """\
[gateway]
http = "127.0.0.1:{gateway_port}"
workers = 1
cache_bytes = 0
[metrics]
http = "127.0.0.1:{metrics_port}"
[admin]
http = "127.0.0.1:{admin_port}"
[triton]
http_url = "unix:{triton_socket}"
grpc_url = "127.0.0.1:{triton_grpc_port}"
[state]
dir = "{state_dir}"
"""


class Seawall(Front):
    """`seawall serve` before an external Triton, with everything else as it comes by default.

    Only the cache is off: an answer that Triton did not give must not win.
    """

    name = "seawall"

    def __init__(
        self, triton_socket: Path, triton_grpc_port: int, work_dir: Path, ports: FreePorts
    ) -> None:
        """Prepare a Seawall for Triton's endpoints; its state goes to `work_dir`."""
        address = TcpAddress("127.0.0.1", ports.take())
        config = work_dir / "seawall.toml"
        config.write_text(
            _CONFIG.format(
                gateway_port=address.port,
                metrics_port=ports.take(),
                admin_port=ports.take(),
                triton_socket=triton_socket,
                triton_grpc_port=triton_grpc_port,
                state_dir=work_dir / "state",
            )
        )
        command = [sys.executable, "-m", "control", "serve", "--config", str(config)]
        super().__init__(command, work_dir / "seawall.log", address, ready_s=_READY_S)


class RunningSeawall:
    """A Seawall that somebody else started, before a Triton with the same models."""

    name = "seawall"

    def __init__(self, url: str) -> None:
        """Take the address from `http://HOST:PORT`."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"not http://HOST:PORT: {url}")
        self._address = TcpAddress(socket.gethostbyname(parts.hostname), parts.port)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    def start(self) -> None:
        """Check that it is ready."""
        try:
            status = wire.get(self._address, "/v2/health/ready").status
        except OSError as error:
            raise TargetFailed(f"nothing answers at {self._address}: {error}") from error
        if status != _HTTP_OK:
            raise TargetFailed(f"Seawall at {self._address} is not ready: status {status}")

    def stop(self) -> None:
        """Leave it as it is."""

    def cpu_s(self) -> float:
        """Its processes are not ours to see."""
        return 0.0
