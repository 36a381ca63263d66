"""Runs `open_load.c` against one address."""

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import LoadFailed, address_words
from benchmarks.overload.records import Records, Sample, read_records, read_samples
from benchmarks.targets import Address

_GRACE_S = 30.0
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one class, at a mean rate."""

    rps: float
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Pressure:
    """How long to send; how long a client waits; how many connections it may have."""

    seconds: float
    wait_s: float
    connections: int
    sample_every: int


@dataclass(frozen=True, slots=True)
class Generator:
    """What the load generator says of itself."""

    requests: int
    cpu_s: float
    wall_s: float
    connections_most: int
    connections_opened: int
    first_in_line: bool  # ran before all servers, so that its times are its own

    @property
    def cpu_share(self) -> float:
        """Share of one core that it took."""
        return self.cpu_s / self.wall_s


@dataclass(frozen=True, slots=True)
class OpenLoadResult:
    """All that came of one run."""

    records: Records
    samples: list[Sample]
    generator: Generator


class OpenLoad:
    """Sends requests at the times of a schedule; no two requests of its life are alike."""

    def __init__(self, binary: Path, work_dir: Path) -> None:
        """Run this program; its files go to ``work_dir``."""
        self._binary = binary
        self._records = work_dir / "records.bin"
        self._samples = work_dir / "samples.bin"
        self._next_number = 1

    def run(
        self, address: Address, pressure: Pressure, streams: Sequence[Stream]
    ) -> OpenLoadResult:
        """Send the streams' requests at the same times at each call, whoever answers."""
        command = [str(self._binary), *address_words(address), *self._words(pressure)]
        for stream in streams:
            command += [f"{stream.rps:.6f}", str(len(stream.files)), *map(str, stream.files)]
        output, first = _run(command, pressure.seconds + pressure.wait_s + _GRACE_S)
        generator = Generator(**json.loads(output), first_in_line=first)
        self._next_number += generator.requests
        return OpenLoadResult(
            read_records(self._records), list(read_samples(self._samples)), generator
        )

    def _words(self, pressure: Pressure) -> list[str]:
        numbers = (
            _SEED,
            self._next_number,
            pressure.seconds,
            pressure.wait_s,
            pressure.connections,
            pressure.sample_every,
        )
        return [*map(str, numbers), str(self._records), str(self._samples)]


def _run(command: Sequence[str], limit_s: float) -> tuple[str, bool]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            first = _put_first(process.pid)
            output, complaint = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise LoadFailed(f"no result after {limit_s:.0f} s") from error
        finally:
            process.kill()  # does nothing to one that has ended
    if process.returncode != 0:
        raise LoadFailed(complaint.strip() or f"exit status {process.returncode}")
    return output, first


def _put_first(pid: int) -> bool:
    """Let it run as soon as it has something to do, as on a machine of its own; needs root."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(
            pid, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
        )
        return True
    return False
