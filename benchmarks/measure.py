"""Runs the load repeat by repeat over all targets, so that none has the quiet minutes alone."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import triton_facts
from benchmarks.cases import Case, Workload
from benchmarks.load import Load, LoadFailed, run_load
from benchmarks.summary import Run
from benchmarks.targets import Target, TargetFailed
from benchmarks.verify import Exchange, reference_exchanges, verify_identity, verify_target


@dataclass(frozen=True, slots=True)
class Bench:
    """What stays the same over all runs."""

    triton: Target
    targets: Sequence[Target]
    load_generator: Path
    work_dir: Path
    warmup_s: float
    seconds: float
    foreign: frozenset[str]  # targets whose Triton is not the shared one


def schedule(
    cases: Sequence[Case], targets: Sequence[Target], repeats: int
) -> Iterator[tuple[int, Case, Target]]:
    """Order the runs: repeat by repeat; a case's targets side by side, each in turn the first."""
    for repeat in range(repeats):
        for index, case in enumerate(cases):
            turn = (repeat + index) % len(targets)
            for target in (*targets[turn:], *targets[:turn]):
                yield repeat, case, target


def prepare_requests(bench: Bench, cases: Sequence[Case]) -> dict[str, list[Path]]:
    """Write each workload's requests to files once every target has answered all of them."""
    files: dict[str, list[Path]] = {}
    for workload in {case.workload.name: case.workload for case in cases}.values():
        _progress(f"check {workload.name}")
        exchanges = _verified(bench, workload)
        files[workload.name] = [
            _write(bench.work_dir / f"{workload.name}-{number}.http", exchange.request)
            for number, exchange in enumerate(exchanges)
        ]
    return files


def measure(bench: Bench, cases: Sequence[Case], repeats: int) -> Iterator[Run]:
    """Run everything that is scheduled and give each run as it ends."""
    files = prepare_requests(bench, cases)
    for repeat, case, target in schedule(cases, bench.targets, repeats):
        _progress(f"repeat {repeat + 1}/{repeats}  {case.name}  {target.name}")
        yield _run_once(bench, repeat, case, target, files[case.workload.name])


def _verified(bench: Bench, workload: Workload) -> list[Exchange]:
    exchanges = reference_exchanges(bench.triton.address, workload)
    if workload.model.name == "identity":
        verify_identity(exchanges)
    for target in bench.targets:
        verify_target(target, exchanges)
    return exchanges


def _run_once(bench: Bench, repeat: int, case: Case, target: Target, files: Sequence[Path]) -> Run:
    model = case.workload.model.name
    watched = {"triton": bench.triton}
    if target is not bench.triton:
        watched[target.name] = target
    inferences = triton_facts.inference_count(bench.triton.address, model)
    cpu_s = {name: server.cpu_s() for name, server in watched.items()}
    load = Load(case.in_flight, bench.warmup_s, bench.seconds)
    try:
        result = run_load(bench.load_generator, target.address, load, files)
    except LoadFailed as error:
        raise TargetFailed(f"{case.name} on {target.name}: {error}") from error
    cpu_s = {name: server.cpu_s() - cpu_s[name] for name, server in watched.items()}
    inferences = triton_facts.inference_count(bench.triton.address, model) - inferences
    own_triton = target.name not in bench.foreign
    return Run(repeat, case.name, target.name, result, cpu_s, inferences if own_triton else None)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
