"""How rollouts look in a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from control.cli.terminal import harmless, table_of

_COLUMNS: Final = ("model", "version", "phase", "weight", "since", "reason", "fault")
PAST_COLUMNS: Final = ("version", "outcome", "weight", "started", "ended", "reason")
_EVERYTHING: Final = 100.0
_BAR_WIDTH: Final = 40

Json = Any


def view_of(models: Sequence[Json]) -> RenderableType:
    """Show how each rollout goes, and below all versions: what moves stays on a small screen.

    Raises KeyError or TypeError where the documents are none of rollouts.
    """
    rows = [row for one in models for row in _rows(one)]
    under_way = [_progress(one["model"], one["rollout"]) for one in models if one["rollout"]]
    return Group(*under_way, table_of(_COLUMNS, rows))


def past_rows(document: Json) -> Iterator[Sequence[object]]:
    """Give a row for each rollout that has ended."""
    for one in document["rollouts"]:
        yield [
            one["version"],
            one["outcome"],
            f"{one['weight']:g} %",
            *(one[key].replace("T", " ") for key in ("started", "ended")),
            one["reason"],
        ]


def in_words(document: Json) -> str:
    """Say in one line how a model stands."""
    now, model = document["rollout"], document["model"]
    if now is None:
        stable = document["stable"]
        return (
            f"model '{model}': {'no version' if stable is None else f'version {stable}'} is stable"
        )
    state = f"model '{model}' version {now['version']}: {now['phase']} at {now['weight']:g} %"
    return f"{state}{_waiting(now)}"


def _rows(document: Json) -> Iterator[list[object]]:
    for one in document["versions"]:
        weight = _weight(document, one["version"])
        yield [
            document["model"],
            one["version"],
            one["phase"],
            None if weight is None else f"{weight:g} %",
            one["since"].replace("T", " "),
            one["reason"],
            one["fault"],
        ]


def _weight(document: Json, version: int) -> float | None:
    """Give the percent of the requests that a version answers; None where it is not asked."""
    now = document["rollout"]
    if now and now["version"] == version:
        return float(now["weight"])
    if document["stable"] == version:
        return _EVERYTHING - float(now["weight"]) if now else _EVERYTHING
    return None


def _waiting(now: Json) -> str:
    if now["is_paused"]:
        return ", paused"
    return ", its weight set by hand" if now["is_manual"] else ""


def _progress(model: str, now: Json) -> Table:
    counts = now["counts"]
    weights = ", ".join(f"{one:g}" for one in now["weights"])
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_row(model, f"version {now['version']} is {now['phase']}{_waiting(now)}")
    step = "none yet" if now["step_since"] is None else now["step"] + 1
    grid.add_row("step", f"{step} of {len(now['weights'])} ({weights} %)")
    grid.add_row("weight", _bar(float(now["weight"])))
    grid.add_row("canary", _canary(counts))
    grid.add_row("stable", f"{counts['stable_calls']} calls, {counts['stable_failures']} failed")
    if counts["agreed"] or counts["disagreed"]:
        compared = f"{counts['agreed']} answers alike, {counts['disagreed']} not"
        grid.add_row("copies", compared)
    if now["held_up_by"]:
        grid.add_row("held up by", harmless(now["held_up_by"]))
    grid.add_row("verdict", harmless(f"{now['verdict']}: {now['verdict_reason']}"))
    return grid


def _bar(weight: float) -> Table:
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=_EVERYTHING, completed=weight, width=_BAR_WIDTH), f"{weight:g} %")
    return bar


def _canary(counts: Json) -> str:
    told = [
        f"{counts['calls']} calls",
        f"{counts['failures']} failed",
        f"{counts['crashes']} crashed",
        f"{counts['over_stable']} of {counts['timed']} slower than stable",
    ]
    if counts["over_max"]:
        told.append(f"{counts['over_max']} slower than allowed")
    if counts["unconfirmed"]:
        told.append(f"{counts['unconfirmed']} failed on stable too")
    return ", ".join(told)
