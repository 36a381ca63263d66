"""What was promised, and whether the runs show it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.overload.figures import Lag
from benchmarks.overload.open_load import Generator
from benchmarks.overload.report import Report, Run

_GUARD = "seawall"
_KEPT = 0.9  # of the peak goodput, at the highest step
REFUSED_MS = 10.0  # of the refusals, 99 % come sooner
_MOST_LAG_MS = 5.0  # half of what a refusal may take
_MOST_DRIFT = 1.2  # of the capacity: steps are compared that lie minutes apart
_MOST_CPU = 0.8  # of one core: the generator is one thread


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise, what was measured, and whether it holds; None: these runs cannot tell."""

    promise: str
    got: str
    holds: bool | None


def doubts(lag: Lag, generator: Generator) -> list[str]:
    """Say why a run proves nothing about its target: the generator did not keep its schedule."""
    found = []
    if lag.p99_ms > _MOST_LAG_MS:
        found.append(f"the generator's p99 lag is {lag.p99_ms:.1f} ms, over {_MOST_LAG_MS:g} ms")
    if generator.cpu_share > _MOST_CPU:
        found.append(f"the generator took {generator.cpu_share:.0%} of a core")
    return found


def drift(report: Report) -> str:
    """Say how much the machine has changed over the runs; nothing where that was little."""
    before, after = report.capacity.rps, report.capacity_after.rps
    if max(before, after) <= _MOST_DRIFT * min(before, after):
        return ""
    return f"the machine has changed: capacity {before:.0f} answers/s before, {after:.0f} after"


def claims(report: Report) -> list[Claim]:
    """Judge what Seawall promises; nothing where it did not run."""
    mine = [run for run in report.runs if run.target == _GUARD]
    if not mine:
        return []
    top = max(mine, key=lambda run: run.step)
    kept = _goodput_kept(mine, top)
    if drift(report):
        kept = replace(kept, holds=None)
    return [kept, _refused_fast(top), _high_kept(mine), _all_right(mine)]


def _goodput_kept(runs: Sequence[Run], top: Run) -> Claim:
    peak = max(run.figures["all"].good_rps for run in runs)
    kept = top.figures["all"].good_rps / peak if peak else 0.0
    return Claim(
        f"at {top.step:g}x, goodput is at least {_KEPT:.0%} of its peak",
        f"{top.figures['all'].good_rps:.0f} of {peak:.0f} a second, {kept:.0%}",
        _if_sure(runs, holds=kept >= _KEPT),
    )


def _refused_fast(top: Run) -> Claim:
    figures = top.figures["all"]
    p99_ms, lost = figures.refused.p99_ms, figures.lost_count
    return Claim(
        f"at {top.step:g}x, the p99 of refusals is at most {REFUSED_MS:g} ms, and nobody hangs",
        f"{p99_ms:.1f} ms over {figures.refused.count}, {lost} without an answer",
        _if_sure([top], holds=p99_ms <= REFUSED_MS and not lost),
    )


def _high_kept(runs: Sequence[Run]) -> Claim:
    asked = sum(run.figures["high"].requests for run in runs)
    good = sum(run.figures["high"].good for run in runs)
    return Claim(
        "at every step, each request of high priority is answered in time",
        f"{good} of {asked}",
        _if_sure(runs, holds=good == asked),
    )


def _all_right(runs: Sequence[Run]) -> Claim:
    checked, wrong = sum(run.checked for run in runs), sum(len(run.wrong) for run in runs)
    return Claim(
        "each answer that was compared is the one that Triton alone gives",
        f"{checked - wrong} of {checked}",
        None if not checked else not wrong,
    )


def _if_sure(runs: Sequence[Run], *, holds: bool) -> bool | None:
    return None if any(run.doubts for run in runs) else holds
