"""Draws goodput, refusals and high priority against the offered load."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.overload.report import Report, Run
from benchmarks.overload.verdict import REFUSED_MS

_COLOURS = {"direct": "#888888", "envoy": "#c2570c", "seawall": "#0b63b0"}
_LABELS = {"direct": "Triton alone", "envoy": "Envoy", "seawall": "Seawall"}

_REFUSALS_MS = (0.1, 1.0, 10.0, 100.0, 1000.0)

Measure = Callable[[Run], float | None]


def draw(report: Report, path: Path) -> None:
    """Write the plot as SVG."""
    # The same runs give the same file: no id or date is drawn by chance; text stays text.
    with mpl.rc_context({"svg.hashsalt": "seawall", "svg.fonttype": "none", "font.size": 9.0}):
        figure = Figure(figsize=(10.5, 3.4), layout="constrained")
        goodput, refusals, high = figure.subplots(1, 3)
        _panel(goodput, report.runs, _goodput, "goodput, answers/s in time")
        _mark(goodput, report.capacity.rps, "capacity")
        goodput.set_ylim(bottom=0)
        _panel(refusals, report.runs, _refusal_p99, "p99 of refusals, ms")
        _mark(refusals, REFUSED_MS, "promised")
        refusals.set_yscale("log")
        refusals.set_ylim(_REFUSALS_MS[0], _REFUSALS_MS[-1])
        refusals.set_yticks(_REFUSALS_MS, [f"{height:g}" for height in _REFUSALS_MS])
        refusals.set_yticks([], minor=True)
        _panel(high, report.runs, _high_percent, "high priority in time, %")
        high.set_ylim(0, 105)
        handles, labels = goodput.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _panel(axes: Axes, runs: Sequence[Run], measure: Measure, title: str) -> None:
    _lines(axes, runs, measure)
    _dress(axes, runs, title)


def _mark(axes: Axes, height: float, text: str) -> None:
    axes.axhline(height, color="#999999", linestyle=":", linewidth=1)
    place = axes.get_yaxis_transform()
    axes.text(0.01, height, text, transform=place, color="#777777", fontsize=7, va="bottom")


def _lines(axes: Axes, runs: Sequence[Run], measure: Measure) -> None:
    for target in dict.fromkeys(run.target for run in sorted(runs, key=_in_order)):
        mine = sorted((run for run in runs if run.target == target), key=lambda run: run.step)
        points = [(run.step, value) for run in mine if (value := measure(run)) is not None]
        axes.plot(
            [step for step, _ in points],
            [value for _, value in points],
            marker="o",
            markersize=4,
            color=_COLOURS[target],
            label=_LABELS[target],
        )


def _dress(axes: Axes, runs: Sequence[Run], title: str) -> None:
    steps = sorted({run.step for run in runs})
    axes.set_title(title, fontsize=9)
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{step:g}x" for step in steps])
    axes.set_xticks([], minor=True)
    axes.grid(visible=True, color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)


def _in_order(run: Run) -> int:
    return list(_COLOURS).index(run.target)


def _goodput(run: Run) -> float:
    return run.figures["all"].good_rps


def _refusal_p99(run: Run) -> float | None:
    refused = run.figures["all"].refused
    return refused.p99_ms if refused.count else None


def _high_percent(run: Run) -> float:
    figures = run.figures["high"]
    return 100 * figures.good / figures.requests
