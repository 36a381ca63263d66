"""Everything that one comparison found, and how it is kept."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.machine import Facts
from benchmarks.overload.figures import Figures, Lag
from benchmarks.overload.open_load import Generator

_RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Answers a second of Triton alone with so many in flight: the median, and both ends."""

    in_flight: int
    rps: float
    low_rps: float
    high_rps: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """One step on one target. ``doubts`` say why it proves nothing; none: it does."""

    step: float
    target: str
    offered_rps: float
    figures: dict[str, Figures]  # by class of requests: all, high, normal
    lag: Lag
    generator: Generator
    cpu_cores: dict[str, float]  # cores in use by each server
    checked: int  # answers compared with those of Triton alone
    wrong: list[str]
    triton_replaced: bool  # what the run had left in its queue would have taken too long
    doubts: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """One comparison: where and how, and all of its runs."""

    taken_at: str
    facts: Facts
    deadline_ms: int
    seconds: float
    capacity: Capacity
    capacity_after: Capacity  # once more when all was over: how much the machine has changed
    runs: list[Run]


def write_report(report: Report, directory: Path = _RESULTS) -> Path:
    """Write a comparison to a file named after its time."""
    directory.mkdir(parents=True, exist_ok=True)
    time = dt.datetime.fromisoformat(report.taken_at)
    path = directory / f"overload-{time:%Y-%m-%dT%H-%M-%SZ}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return path


def read_report(path: Path) -> Report:
    """Read a comparison back."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
