"""Builds the load generators; runs the closed one (`load.c`) and reads its one line of results."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.targets import Address, TcpAddress, UnixAddress

_SHARED = Path(__file__).with_name("client.h")
_BUILD = Path(__file__).with_name("build")
_FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror")
_GRACE_S = 60.0  # the program itself gives up after 30 s without an answer


class LoadFailed(Exception):
    """The load generator could not be built, or could not understand the server."""


@dataclass(frozen=True, slots=True)
class Load:
    """How hard and how long to push."""

    connections: int
    warmup_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What the load generator saw: latencies when measuring, statuses of the whole run."""

    requests: int
    total_requests: int
    elapsed_s: float
    p50_us: float
    p90_us: float
    p99_us: float
    p999_us: float
    max_us: float
    transport_errors: int
    reconnects: int
    cpu_s: float
    wall_s: float
    statuses: dict[str, int]

    @property
    def rps(self) -> float:
        """Answers a second."""
        return self.requests / self.elapsed_s


def build_load_generator(build: Path = _BUILD, name: str = "load") -> Path:
    """Compile `load` or `open_load` unless the binary is newer than its sources."""
    binary, source = build / name, Path(__file__).with_name(f"{name}.c")
    newest = max(path.stat().st_mtime for path in (source, _SHARED))
    if binary.exists() and binary.stat().st_mtime >= newest:
        return binary
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise LoadFailed("the load generator needs a C compiler: install gcc or set CC")
    build.mkdir(parents=True, exist_ok=True)
    command = [compiler, *_FLAGS, "-o", str(binary), str(source), "-lm"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise LoadFailed(f"{' '.join(command)}:\n{result.stderr}")
    return binary


def run_load(
    binary: Path, address: Address, load: Load, request_files: Sequence[Path]
) -> LoadResult:
    """Send the requests in turn until the time is over."""
    pressure = [str(load.connections), str(load.warmup_s), str(load.seconds)]
    command = [str(binary), *address_words(address), *pressure, *map(str, request_files)]
    limit_s = load.warmup_s + load.seconds + _GRACE_S
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(f"no result after {limit_s:.0f} s") from error
    if result.returncode != 0:
        raise LoadFailed(result.stderr.strip() or f"exit status {result.returncode}")
    return LoadResult(**json.loads(result.stdout))


def address_words(address: Address) -> list[str]:
    """Say an address in the words that the load generators take."""
    match address:
        case TcpAddress(host, port):
            return ["tcp", host, str(port)]
        case UnixAddress(path):
            return ["unix", path]
