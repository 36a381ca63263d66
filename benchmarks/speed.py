"""Compares Seawall, Envoy and nothing at all, each in front of one and the same Triton."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import triton_facts
from benchmarks.cases import ALL_CASES, Case, missing_parts, select_cases
from benchmarks.load import LoadFailed, build_load_generator
from benchmarks.machine import collect_facts
from benchmarks.measure import Bench, measure
from benchmarks.report import figures_table, ratios_table, write_results
from benchmarks.summary import Run, faults
from benchmarks.targets import Target, TargetFailed
from benchmarks.targets.envoy import Envoy
from benchmarks.targets.process import FreePorts
from benchmarks.targets.seawall import RunningSeawall, Seawall
from benchmarks.targets.triton import DirectTriton
from benchmarks.verify import WrongAnswer

_TARGETS = ("direct", "envoy", "seawall")
_QUICK_CASES = ("small-1", "small-8", "1mb-1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0: every answer was right, 1: one was not, 2: it could not run."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended too
    try:
        cases = _available(select_cases(options.cases), required=options.cases_given)
        runs, path, found = _compare(options, cases)
    except (TargetFailed, LoadFailed, ValueError, FileNotFoundError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    except WrongAnswer as error:
        print(f"wrong answer: {error}", file=sys.stderr)
        return 1
    print(f"\n{figures_table(runs)}\n\n{ratios_table(runs)}\n\nresults: {path}")
    for fault in found:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if found else 0


def _compare(
    options: argparse.Namespace, cases: Sequence[Case]
) -> tuple[list[Run], Path, list[str]]:
    with (
        tempfile.TemporaryDirectory(prefix="seawall-bench-") as directory,
        _bench(options, cases, Path(directory)) as bench,
    ):
        version = triton_facts.server_version(bench.triton.address)
        facts = collect_facts(version, vars(options))
        runs = list(measure(bench, cases, options.repeats))
    in_flight = {case.name: case.in_flight for case in cases}
    found = [fault for run in runs for fault in faults(run, in_flight[run.case])]
    return runs, write_results(runs, facts, found), found


@contextmanager
def _bench(options: argparse.Namespace, cases: Sequence[Case], work_dir: Path) -> Iterator[Bench]:
    """Start the shared Triton and the targets; end them in the opposite order, whatever happens."""
    generator = build_load_generator()
    ports = FreePorts(options.first_port)
    models = {case.workload.model.name: case.workload.model for case in cases}
    triton = DirectTriton(list(models.values()), work_dir, ports)
    with ExitStack() as stack:
        _start(stack, triton)
        targets: list[Target] = []
        for name in options.targets:
            target = (
                triton if name == triton.name else _front(name, options, triton, work_dir, ports)
            )
            if target is not triton:
                _start(stack, target)
            targets.append(target)
        yield Bench(
            triton=triton,
            targets=targets,
            load_generator=generator,
            work_dir=work_dir,
            warmup_s=options.warmup,
            seconds=options.seconds,
            foreign=frozenset({"seawall"} if options.seawall_url else ()),
        )


def _start(stack: ExitStack, target: Target) -> None:
    print(f"start {target.name}", file=sys.stderr, flush=True)
    stack.callback(target.stop)  # first: a server that came up but was never ready must end too
    target.start()


def _front(
    name: str, options: argparse.Namespace, triton: DirectTriton, work_dir: Path, ports: FreePorts
) -> Target:
    if name == "envoy":
        return Envoy(triton.http_socket, work_dir, ports)
    if options.seawall_url:
        return RunningSeawall(options.seawall_url)
    return Seawall(triton.http_socket, triton.grpc_port, work_dir, ports)


def _available(cases: Sequence[Case], *, required: bool) -> list[Case]:
    """Leave out, aloud, cases whose model is not there; fail where they were asked for."""
    chosen = []
    for case in cases:
        if not (missing := missing_parts(case.workload.model)):
            chosen.append(case)
        elif required:
            raise FileNotFoundError(f"case {case.name} needs {', '.join(map(str, missing))}")
        else:
            print(f"left out: {case.name}, no {missing[0].name}", file=sys.stderr)
    return chosen


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    names = ",".join(case.name for case in ALL_CASES)
    parser.add_argument(
        "--cases", type=_words, default=[], help=f"of {names}; or the words before the dash"
    )
    parser.add_argument(
        "--targets", type=_words, default=list(_TARGETS), help="of direct,envoy,seawall"
    )
    parser.add_argument("--repeats", type=int, help="runs of each case on each target (default 5)")
    parser.add_argument("--seconds", type=float, help="measured seconds of a run (default 3)")
    parser.add_argument(
        "--warmup", type=float, default=0.5, help="seconds before them (default 0.5)"
    )
    parser.add_argument("--quick", action="store_true", help="3 repeats of 1 s of a few cases")
    parser.add_argument("--seawall-url", help="http://HOST:PORT of a Seawall that runs already")
    parser.add_argument("--first-port", type=int, default=9600, help="use free ports from here on")
    options = parser.parse_args(arguments)
    if not options.targets or set(options.targets) - set(_TARGETS):
        parser.error(f"--targets: of {', '.join(_TARGETS)}")
    options.cases_given = bool(options.cases)
    quick_cases = list(_QUICK_CASES) if options.quick else [case.name for case in ALL_CASES]
    options.cases = options.cases or quick_cases
    options.repeats = options.repeats or (3 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    return options


if __name__ == "__main__":
    sys.exit(main())
