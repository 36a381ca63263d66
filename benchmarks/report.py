"""Shows runs as tables and keeps them as JSON."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.machine import Facts
from benchmarks.summary import Run, Spread, cpu_us_per_request, load_share, ratios, spreads

_RESULTS = Path(__file__).with_name("results")
_TARGETS = ("direct", "envoy", "seawall")
_PAIRS = (("seawall", "envoy"), ("seawall", "direct"), ("envoy", "direct"))


def figures_table(runs: Sequence[Run]) -> str:
    """Show the absolute figures of each case and target: median (lowest-highest repeat)."""
    head = ["case", "target", "p50 ms", "p99 ms", "requests/s", "CPU us/request", "load core"]
    rows = [head]
    for case, targets in _cases(runs):
        for target in targets:
            figures = [_spread_text(spread) for spread in spreads(runs, case, target).values()]
            cpu = cpu_us_per_request(runs, case, target)
            used = ", ".join(f"{name} {cpu_us:.0f}" for name, cpu_us in cpu.items())
            rows.append([case, target, *figures, used, f"{load_share(runs, case, target):.0%}"])
    return _aligned(rows)


def ratios_table(runs: Sequence[Run]) -> str:
    """Show the ratios of each pair of targets; low is good for p50 and p99, high for requests/s."""
    rows = [["case", "ratio", "p50", "p99", "requests/s"]]
    for case, targets in _cases(runs):
        for target, base in _PAIRS:
            if {target, base} <= set(targets):
                spread = ratios(runs, case, target, base).values()
                rows.append([case, f"{target}/{base}", *map(_spread_text, spread)])
    return _aligned(rows)


def write_results(
    runs: Sequence[Run], facts: Facts, faults: Sequence[str], directory: Path = _RESULTS
) -> Path:
    """Write everything measured, every repeat of it, to a file named after the present time."""
    now = dt.datetime.now(dt.UTC)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{now:%Y-%m-%dT%H-%M-%SZ}.json"
    content = {
        "taken_at": now.isoformat(timespec="seconds"),
        "facts": dataclasses.asdict(facts),
        "faults": list(faults),
        "summary": _summary(runs),
        "runs": [dataclasses.asdict(run) for run in runs],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def _summary(runs: Sequence[Run]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for case, targets in _cases(runs):
        for target in targets:
            figures = spreads(runs, case, target)
            rows.append({"case": case, "target": target, **_plain(figures)})
        for target, base in _PAIRS:
            if {target, base} <= set(targets):
                figures = ratios(runs, case, target, base)
                rows.append({"case": case, "ratio": f"{target}/{base}", **_plain(figures)})
    return rows


def _plain(figures: dict[str, Spread]) -> dict[str, dict[str, float]]:
    return {name: dataclasses.asdict(spread) for name, spread in figures.items()}


def _cases(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
    """Give the cases as they were run, each with its targets in the order of every table."""
    for case in dict.fromkeys(run.case for run in runs):
        measured = {run.target for run in runs if run.case == case}
        yield case, [target for target in _TARGETS if target in measured]


def _spread_text(spread: Spread) -> str:
    numbers = (_number(value) for value in (spread.median, spread.low, spread.high))
    return "{} ({}-{})".format(*numbers)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"  # noqa: PLR2004


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
