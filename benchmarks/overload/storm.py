"""Measures the capacity, then runs the storm: step by step over all targets."""

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.load import Load, LoadResult, run_load
from benchmarks.overload.figures import figures_by_class, lag_of
from benchmarks.overload.open_load import OpenLoad, OpenLoadResult, Pressure, Stream
from benchmarks.overload.plan import WARM_UP, Offer, Planned, offer_of, schedule
from benchmarks.overload.report import Capacity, Run
from benchmarks.overload.stage import Stage
from benchmarks.overload.traffic import PRIORITIES, Traffic, wrong_answers
from benchmarks.overload.verdict import doubts
from benchmarks.targets import Target, TargetFailed
from benchmarks.targets.envoy_overload import guards_for

#: Two of the largest batches: one is computed while the next is filled.
_IN_FLIGHT = 32
_CAPACITY_RUNS = 3
_CAPACITY_S, _CAPACITY_SHARE = 4.0, 0.5  # at most; of the seconds of a run
_WARM_UP_S, _WARM_UP_SHARE = 3.0, 0.3  # likewise
_TRIES = 2  # of a run that proves nothing, because something else had the machine


@dataclass(frozen=True, slots=True)
class Storm:
    """What stays the same over all runs."""

    stage: Stage
    traffic: Traffic
    closed_load: Path
    open_load: OpenLoad
    pressure: Pressure
    deadline_s: float
    work_dir: Path


def measure_capacity(storm: Storm) -> Capacity:
    """Ask Triton alone for as much as it can do, some times."""
    files = []
    for index, request in enumerate(storm.traffic.numbered()):
        files.append(storm.work_dir / f"capacity-{index}.http")
        files[-1].write_bytes(request)
    seconds = min(_CAPACITY_S, _CAPACITY_SHARE * storm.pressure.seconds)
    load = Load(connections=_IN_FLIGHT, warmup_s=0.5, seconds=seconds)
    results = []
    for _ in range(_CAPACITY_RUNS):
        results.append(run_load(storm.closed_load, storm.stage.triton.address, load, files))
        if set(results[-1].statuses) != {"200"} or results[-1].transport_errors:
            raise TargetFailed(f"Triton alone does not answer well: {results[-1]}")
    capacity = _capacity(results)
    _say(f"capacity: {capacity.rps:.0f} ({capacity.low_rps:.0f}-{capacity.high_rps:.0f}) answers/s")
    return capacity


def run_all(
    storm: Storm, capacity_rps: float, steps: Sequence[float], targets: Sequence[str]
) -> Iterator[Run]:
    """Give each run as it ends."""
    for planned in schedule(steps, targets):
        for attempt in range(_TRIES):
            _say(f"{planned.step:g}x  {planned.target}{'  again' if attempt else ''}")
            run = _run_once(storm, capacity_rps, planned)
            if not run.doubts:
                break
            _say(f"proves nothing: {'; '.join(run.doubts)}")
        yield run


def _run_once(storm: Storm, capacity_rps: float, planned: Planned) -> Run:
    offer = offer_of(planned.step, capacity_rps)
    result, cpu_cores = _load_target(storm, capacity_rps, planned.target, offer)
    figures = figures_by_class(result.records, storm.deadline_s, storm.pressure.seconds)
    backlog_s = figures["all"].lost_count / capacity_rps
    replaced = storm.stage.rest(storm.traffic.numbered()[0], backlog_s=backlog_s)
    wrong = wrong_answers(storm.stage.triton.address, storm.traffic, result.samples)
    lag = lag_of(result.records)
    return Run(
        step=planned.step,
        target=planned.target,
        offered_rps=offer.high_rps + offer.normal_rps,
        figures=figures,
        lag=lag,
        generator=result.generator,
        cpu_cores=cpu_cores,
        checked=len(result.samples),
        wrong=wrong,
        triton_replaced=replaced,
        doubts=doubts(lag, result.generator),
    )


def _load_target(
    storm: Storm, capacity_rps: float, name: str, offer: Offer
) -> tuple[OpenLoadResult, dict[str, float]]:
    """Run one target under the load; gives also the cores that each server used."""
    seconds = storm.pressure.seconds
    warm_up_s = min(_WARM_UP_S, _WARM_UP_SHARE * seconds)
    with storm.stage.front(name, guards_for(capacity_rps, storm.deadline_s)) as target:
        servers = {"triton": storm.stage.triton} | ({} if name == "direct" else {name: target})
        _send(storm, target, offer_of(WARM_UP, capacity_rps), warm_up_s)
        used_s = {one: server.cpu_s() for one, server in servers.items()}
        result = _send(storm, target, offer, seconds)
        used_s = {one: server.cpu_s() - used_s[one] for one, server in servers.items()}
    return result, {one: used / result.generator.wall_s for one, used in used_s.items()}


def _send(storm: Storm, target: Target, offer: Offer, seconds: float) -> OpenLoadResult:
    rates = (offer.high_rps, offer.normal_rps)
    files = storm.traffic.files
    streams = [
        Stream(rps, files[priority]) for rps, priority in zip(rates, PRIORITIES, strict=True)
    ]
    pressure = replace(storm.pressure, seconds=seconds)
    return storm.open_load.run(target.address, pressure, streams)


def _capacity(results: Sequence[LoadResult]) -> Capacity:
    rates = [result.rps for result in results]
    return Capacity(
        in_flight=_IN_FLIGHT,
        rps=statistics.median(rates),
        low_rps=min(rates),
        high_rps=max(rates),
        p50_ms=statistics.median(result.p50_us for result in results) / 1e3,
        p99_ms=statistics.median(result.p99_us for result in results) / 1e3,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
