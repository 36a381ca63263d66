"""Medians, spreads and ratios over repeats. Pure: takes runs, gives numbers."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.load import LoadResult


@dataclass(frozen=True, slots=True)
class Run:
    """One repeat of one case on one target."""

    repeat: int
    case: str
    target: str
    load: LoadResult
    cpu_s: dict[str, float]  # by target: whose processes worked for this run
    inferences: int | None  # counted by Triton; None where its Triton is not ours to ask


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the repeats, and the two ends."""

    median: float
    low: float
    high: float


Measure = Callable[[LoadResult], float]

MEASURES: dict[str, Measure] = {
    "p50_ms": lambda load: load.p50_us / 1e3,
    "p99_ms": lambda load: load.p99_us / 1e3,
    "rps": lambda load: load.rps,
}


def spread_of(values: Sequence[float]) -> Spread:
    """Summarise the values of some repeats."""
    return Spread(statistics.median(values), min(values), max(values))


def spreads(runs: Sequence[Run], case: str, target: str) -> dict[str, Spread]:
    """Summarise every measure of one case on one target."""
    loads = [run.load for run in runs if (run.case, run.target) == (case, target)]
    return {
        name: spread_of([measure(load) for load in loads]) for name, measure in MEASURES.items()
    }


def ratios(runs: Sequence[Run], case: str, target: str, base: str) -> dict[str, Spread]:
    """Divide target by base within each repeat, then summarise.

    A repeat's two runs lie seconds apart, so that a machine that slows down for a while
    slows down both: their ratio moves less than either figure.
    """
    by_target = {
        name: {run.repeat: run.load for run in runs if (run.case, run.target) == (case, name)}
        for name in (target, base)
    }
    repeats = sorted(by_target[target].keys() & by_target[base].keys())
    return {
        name: spread_of(
            [_divide(measure, by_target[target][n], by_target[base][n]) for n in repeats]
        )
        for name, measure in MEASURES.items()
    }


def faults(run: Run, in_flight: int) -> list[str]:
    """List what makes a run worthless; empty when every answer was a good one from the model."""
    load = run.load
    found = [
        f"{count} answers with status {status}"
        for status, count in sorted(load.statuses.items())
        if status != "200"
    ]
    if load.transport_errors:
        found.append(f"{load.transport_errors} connections lost")
    if not load.requests:
        found.append("no answer in the measured seconds")
    # Triton counts a request a moment after it sent the answer: the last ones may be missing.
    if run.inferences is not None and run.inferences < load.statuses.get("200", 0) - in_flight:
        found.append(f"{load.total_requests} answers, but Triton inferred {run.inferences} times")
    return [f"{run.case} on {run.target}, repeat {run.repeat + 1}: {fault}" for fault in found]


def cpu_us_per_request(runs: Sequence[Run], case: str, target: str) -> dict[str, float]:
    """Give the CPU time a request took in each process, `load` being the load generator."""
    mine = [run for run in runs if (run.case, run.target) == (case, target)]
    requests = sum(run.load.total_requests for run in mine)
    used = {name: sum(run.cpu_s[name] for run in mine) for name in mine[0].cpu_s}
    used["load"] = sum(run.load.cpu_s for run in mine)
    return {name: 1e6 * cpu_s / requests if requests else 0.0 for name, cpu_s in used.items()}


def load_share(runs: Sequence[Run], case: str, target: str) -> float:
    """Give the share (0-1) of a core that the load generator took: near 1 it is the limit."""
    mine = [run.load for run in runs if (run.case, run.target) == (case, target)]
    return sum(load.cpu_s for load in mine) / sum(load.wall_s for load in mine)


def _divide(measure: Measure, top: LoadResult, bottom: LoadResult) -> float:
    divisor = measure(bottom)
    return measure(top) / divisor if divisor else float("nan")
