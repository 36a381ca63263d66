"""The tritonserver of the `nvidia-pytriton` wheel: shared by all targets, itself `direct`."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.targets import Address, UnixAddress
from benchmarks.targets.process import STOP_S, ChildProcess, FreePorts

_READY_S = 120.0  # a model with weights loads slowly on a busy machine
_SHM = Path("/dev/shm")  # noqa: S108  where stubs keep their regions, not a temporary file
_SHM_REGION = "_backend_shm_region_"  # after the backend's name, which may be one of ours


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model to load, the repository that holds it, and the backend of ours that it needs."""

    name: str
    repository: Path
    backend: Path | None = None


class DirectTriton:
    """A real tritonserver on a Unix socket with nothing in front."""

    name = "direct"

    def __init__(self, models: Sequence[ModelSource], work_dir: Path, ports: FreePorts) -> None:
        """Prepare a server for these models; sockets, backends and the log go to `work_dir`."""
        self.http_socket = work_dir / "triton-http.sock"
        self.grpc_port = ports.take()
        self._models = models
        self._work_dir = work_dir
        self._metrics_port = ports.take()
        self._process: ChildProcess | None = None

    @property
    def address(self) -> Address:
        """Where Triton takes HTTP requests."""
        return UnixAddress(str(self.http_socket))

    def start(self) -> None:
        """Start the server and wait until the models are loaded."""
        backends = _backend_directory(self._models, self._work_dir / "backends")
        log = self._work_dir / "triton.log"
        self._process = ChildProcess(self._command(backends), log, _environment())
        self._process.start()
        self._process.wait_ready(self.address, "/v2/health/ready", timeout_s=_READY_S)

    def stop(self, patience_s: float = STOP_S) -> None:
        """End the server and remove the shared memory that its stubs may have left."""
        if self._process is None:
            return
        regions = _shared_memory_of(self._process.tree())
        self._process.stop(patience_s)
        for region in regions:
            region.unlink(missing_ok=True)

    def cpu_s(self) -> float:
        """CPU seconds of the server and its stubs."""
        return self._process.cpu_s() if self._process else 0.0

    def _command(self, backends: Path) -> list[str]:
        repositories = {str(model.repository) for model in self._models}
        return [
            str(_wheel() / "tritonserver" / "bin" / "tritonserver"),
            *(f"--model-repository={path}" for path in sorted(repositories)),
            f"--backend-directory={backends}",
            # The configurations are complete; asking the stub to complete them would import the
            # model before Triton's own types are there.
            "--disable-auto-complete-config",
            "--model-control-mode=explicit",
            *(f"--load-model={model.name}" for model in self._models),
            f"--http-address=unix:{self.http_socket}",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={self.grpc_port}",
            # Without an address of its own the metrics service takes over the HTTP socket's path.
            "--metrics-address=127.0.0.1",
            f"--metrics-port={self._metrics_port}",
        ]


def _wheel() -> Path:
    spec = find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("package nvidia-pytriton is not installed")
    return Path(spec.submodule_search_locations[0])


def _backend_directory(models: Sequence[ModelSource], directory: Path) -> Path:
    """Put the Python backend, its stub for this interpreter and our own into one directory."""
    server = _wheel() / "tritonserver"
    python = Path(shutil.copytree(server / "backends" / "python", directory / "python"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy2(server / "python_backend_stubs" / version / "triton_python_backend_stub", python)
    for backend in {model.backend for model in models if model.backend}:
        shutil.copytree(backend, directory / backend.name)
    return directory


def _environment() -> dict[str, str]:
    """Let the stub, which embeds Python, find this interpreter's library and packages."""
    libraries = (
        str(_wheel().parent / "nvidia_pytriton.libs"),
        str(_wheel() / "tritonserver" / "external_libs"),
        str(sysconfig.get_config_var("LIBDIR")),
        os.environ.get("LD_LIBRARY_PATH", ""),
    )
    return {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "VIRTUAL_ENV": sys.prefix,
        "PATH": f"{sys.prefix}/bin:{os.environ.get('PATH', '')}",
    }


def _shared_memory_of(pids: Sequence[int]) -> list[Path]:
    """Name the regions of these stubs: each carries its region on its command line."""
    regions = []
    for pid in pids:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        except OSError:
            continue
        regions += [_SHM / arg for arg in arguments if _SHM_REGION in arg]
    return regions
