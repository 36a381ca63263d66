"""Runs the storm against Triton alone, Envoy and Seawall, and says what they made of it."""

import argparse
import datetime as dt
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import triton_facts
from benchmarks.cases import EMBED, missing_parts
from benchmarks.load import LoadFailed, build_load_generator
from benchmarks.machine import collect_facts
from benchmarks.overload.open_load import OpenLoad, Pressure
from benchmarks.overload.page import write_page
from benchmarks.overload.plan import STEPS, TARGETS
from benchmarks.overload.report import Report, read_report, write_report
from benchmarks.overload.stage import Stage
from benchmarks.overload.storm import Storm, measure_capacity, run_all
from benchmarks.overload.tables import claims_table, goodput_table, machine_table, refusals_table
from benchmarks.overload.traffic import write_traffic
from benchmarks.overload.verdict import claims, drift
from benchmarks.targets import TargetFailed
from benchmarks.targets.process import FreePorts

_QUICK_STEPS = (1.0, 10.0)
_WAIT_S = 2.0  # several deadlines: a client that is still there then has long lost interest
_SAMPLE_EVERY = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0: all promises hold, 1: one does not or cannot be told, 2: it could not run."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    try:
        report = read_report(options.read) if options.read else _measure(options)
    except (TargetFailed, LoadFailed, ValueError, OSError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    judged = claims(report)
    for table in (goodput_table, refusals_table, machine_table):
        print(f"\n{table(report.runs)}")
    print(f"\n{claims_table(judged)}")
    for fault in _faults(report):
        print(f"FAULT: {fault}", file=sys.stderr)
    if not options.read:
        print(f"\nresults: {write_report(report)}")
    if options.write_docs:
        print(f"page: {write_page(report)}")
    right = not any(run.wrong for run in report.runs)
    return 0 if right and all(claim.holds for claim in judged) else 1


def _faults(report: Report) -> Iterator[str]:
    if changed := drift(report):
        yield changed
    for run in report.runs:
        for fault in (*run.wrong, *run.doubts):
            yield f"{run.step:g}x, {run.target}: {fault}"


def _measure(options: argparse.Namespace) -> Report:
    if missing := missing_parts(EMBED):
        raise FileNotFoundError(f"the model embed needs {', '.join(map(str, missing))}")
    with tempfile.TemporaryDirectory(prefix="seawall-overload-") as directory:
        stage = Stage(Path(directory), FreePorts(options.first_port))
        try:
            stage.start()
            return _run_storm(options, stage, Path(directory))
        finally:
            stage.stop()


def _run_storm(options: argparse.Namespace, stage: Stage, work_dir: Path) -> Report:
    storm = Storm(
        stage=stage,
        traffic=write_traffic(stage.triton.address, options.deadline_ms, work_dir),
        closed_load=build_load_generator(),
        open_load=OpenLoad(build_load_generator(name="open_load"), work_dir),
        pressure=Pressure(options.seconds, _WAIT_S, options.connections, _SAMPLE_EVERY),
        deadline_s=options.deadline_ms / 1000,
        work_dir=work_dir,
    )
    words: dict[str, object] = {name: str(value) for name, value in vars(options).items()}
    facts = collect_facts(triton_facts.server_version(stage.triton.address), words)
    capacity = measure_capacity(storm)
    runs = list(run_all(storm, capacity.rps, options.steps, options.targets))
    return Report(
        taken_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        facts=facts,
        deadline_ms=options.deadline_ms,
        seconds=options.seconds,
        capacity=capacity,
        capacity_after=measure_capacity(storm),
        runs=runs,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument(
        "--steps", type=_steps, help="multiples of the capacity (default 0.5,1,2,5,10)"
    )
    parser.add_argument(
        "--targets", type=_targets, default=list(TARGETS), help=f"of {','.join(TARGETS)}"
    )
    parser.add_argument("--seconds", type=float, help="seconds of a run (default 20)")
    parser.add_argument(
        "--deadline-ms", type=int, default=500, help="an answer after it is none (default 500)"
    )
    parser.add_argument(
        "--connections", type=int, default=4096, help="of the clients, at most (default 4096)"
    )
    parser.add_argument("--quick", action="store_true", help="3 s of 1x and 10x, about a minute")
    parser.add_argument(
        "--write-docs", action="store_true", help="write docs/overload.md and its plot"
    )
    parser.add_argument(
        "--read", type=Path, metavar="RESULTS", help="show an earlier run's results; run nothing"
    )
    parser.add_argument("--first-port", type=int, default=9700, help="use free ports from here on")
    options = parser.parse_args(arguments)
    options.steps = options.steps or list(_QUICK_STEPS if options.quick else STEPS)
    options.seconds = options.seconds or (3.0 if options.quick else 20.0)
    if options.seconds <= 0 or options.deadline_ms <= 0 or options.connections <= 0:
        parser.error("--seconds, --deadline-ms and --connections: more than 0")
    return options


def _steps(text: str) -> list[float]:
    steps = [float(word) for word in text.split(",") if word]
    if not steps or min(steps) <= 0:
        raise argparse.ArgumentTypeError("numbers over 0, with commas between them")
    return steps


def _targets(text: str) -> list[str]:
    names = [word for word in text.split(",") if word]
    if not names or set(names) - set(TARGETS):
        raise argparse.ArgumentTypeError(f"of {', '.join(TARGETS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
