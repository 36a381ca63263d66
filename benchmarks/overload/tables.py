"""Tables in Markdown, which also read well on a terminal. Pure."""

from collections.abc import Iterator, Sequence

from benchmarks.overload.figures import Figures, Latency
from benchmarks.overload.report import Run
from benchmarks.overload.verdict import Claim

_VERDICTS = {True: "yes", False: "NO", None: "cannot tell"}


def goodput_table(runs: Sequence[Run]) -> str:
    """Show what each target made of each step."""
    head = (
        "offered",
        "target",
        "goodput /s",
        "p50 ms",
        "p99 ms",
        "late",
        "refused",
        "refused p50 ms",
        "refused p99 ms",
        "no answer",
        "high in time",
    )
    return table([head, *(_goodput_row(run) for run in runs)])


def refusals_table(runs: Sequence[Run]) -> str:
    """Show every kind of answer other than 200."""
    head = ("offered", "target", "status", "code", "answers", "p50 ms", "p99 ms", "of high")
    return table([head, *(row for run in runs for row in _refusal_rows(run))])


def machine_table(runs: Sequence[Run]) -> str:
    """Show who used the machine, and how well the generator kept its schedule."""
    head = (
        "offered",
        "target",
        "cores: Triton",
        "front",
        "load",
        "lag p99 ms",
        "connections",
        "opened",
        "Triton replaced after it",
    )
    return table([head, *(_machine_row(run) for run in runs)])


def claims_table(claims: Sequence[Claim]) -> str:
    """Show what was promised and what was measured."""
    rows = ((claim.promise, claim.got, _VERDICTS[claim.holds]) for claim in claims)
    return table([("promise", "measured", "holds"), *rows])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows of equal length, the first of them being the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, _line(["-" * width for width in widths], widths))
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return f"| {' | '.join(cells)} |"


def _goodput_row(run: Run) -> tuple[str, ...]:
    figures = run.figures["all"]
    return (
        *_place(run),
        f"{figures.good_rps:.0f}",
        *_percentiles(figures.accepted),
        str(figures.late),
        str(figures.refused.count),
        *_percentiles(figures.refused),
        str(figures.lost_count),
        _share(run.figures["high"]),
    )


def _refusal_rows(run: Run) -> Iterator[tuple[str, ...]]:
    of_high = {(one.status, one.code): one.latency.count for one in run.figures["high"].refusals}
    for one in run.figures["all"].refusals:
        count = of_high.get((one.status, one.code), 0)
        numbers = (str(one.latency.count), *_percentiles(one.latency), str(count))
        yield (*_place(run), str(one.status), one.code, *numbers)


def _machine_row(run: Run) -> tuple[str, ...]:
    front = run.cpu_cores.get(run.target)
    return (
        *_place(run),
        f"{run.cpu_cores['triton']:.2f}",
        "" if front is None else f"{front:.2f}",
        f"{run.generator.cpu_share:.2f}",
        f"{run.lag.p99_ms:.2f}",
        str(run.generator.connections_most),
        str(run.generator.connections_opened),
        "yes" if run.triton_replaced else "",
    )


def _place(run: Run) -> tuple[str, str]:
    doubted = " (?)" if run.doubts else ""
    return f"{run.step:g}x, {run.offered_rps:.0f}/s", run.target + doubted


def _share(figures: Figures) -> str:
    return f"{figures.good} of {figures.requests}"


def _percentiles(latency: Latency) -> tuple[str, str]:
    if not latency.count:
        return "", ""
    return f"{latency.p50_ms:.1f}", f"{latency.p99_ms:.1f}"
