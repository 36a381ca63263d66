"""The tritonserver that the wheel ``nvidia-pytriton`` carries, and the backends we add to it."""

import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import backends
from control.config import without_our_variables


class TritonNotInstalled(Exception):
    """The embedded tritonserver, or a part of it for this Python, is not installed."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the wheel's parts lie."""

    server: Path
    libraries: Path
    python_backend: Path
    python_stub: Path


def find_installation() -> Installation:
    """Find the wheel's files without importing it; raises TritonNotInstalled."""
    spec = find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        message = "the embedded tritonserver is not installed: pip install 'seawall[triton]'"
        raise TritonNotInstalled(message)
    package = Path(spec.submodule_search_locations[0])
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    root = package / "tritonserver"
    found = Installation(
        server=root / "bin" / "tritonserver",
        libraries=package.parent / "nvidia_pytriton.libs",
        python_backend=root / "backends" / "python",
        python_stub=root / "python_backend_stubs" / python / "triton_python_backend_stub",
    )
    for part in (found.server, found.python_backend, found.python_stub):
        if not part.exists():
            message = f"nvidia-pytriton carries no {part.name} for Python {python}"
            raise TritonNotInstalled(message)
    return found


def assemble_backends(installation: Installation, target: Path) -> None:
    """Put the Python backend, the stub for this Python and our own backends into ``target``."""
    shutil.rmtree(target, ignore_errors=True)
    python = target / "python"
    python.mkdir(parents=True)
    for file in (*installation.python_backend.iterdir(), installation.python_stub):
        if file.is_file():
            shutil.copy(file, python)  # Triton refuses a library that is a link out of its folder
    for ours in Path(backends.__path__[0]).iterdir():
        if (ours / "model.py").is_file():
            (target / ours.name).symlink_to(ours.resolve())


def server_environment(installation: Installation) -> dict[str, str]:
    """Give the environment in which the server and its Python stubs find all they need.

    A stub embeds Python in isolated mode: it ignores PYTHONPATH and finds its packages through the
    ``python3`` that stands first in PATH. Any other would mix in foreign packages (with a foreign
    numpy, tensors come out as garbage).
    """
    environment = without_our_variables(os.environ)  # stubs run the models' code
    libraries = [str(installation.libraries), str(sysconfig.get_config_var("LIBDIR"))]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(
        [*libraries, *filter(None, [environment.get("LD_LIBRARY_PATH")])]
    )
    interpreter = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([interpreter, environment.get("PATH", os.defpath)])
    environment.pop("PYTHONHOME", None)
    return environment
