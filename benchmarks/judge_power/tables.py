"""The tables of ``docs/canary-judge.md``: which rollouts are simulated, and what came of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from benchmarks.judge_power import worlds
from benchmarks.judge_power.rollouts import LONGEST_S, Run, run_at_weight, run_late, run_steps
from benchmarks.judge_power.worlds import Chance, World
from control.core.canary_policy import CanaryPolicy, JudgePolicy

POLICY: Final = CanaryPolicy()
_ABSOLUTE: Final = CanaryPolicy(judge=JudgePolicy(max_duration_s=0.1))
_CANARY_TIME_S: Final = POLICY.interval_s * len(POLICY.weights)
_GOOD_BEFORE_S: Final = 121.0
_BAKING: Final = replace(POLICY, judge=JudgePolicy(max_duration_ratio=None))

_SHARES: Final = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
_FLAKES: Final = (0.0, 0.005, 0.01, 0.05, 0.1)
_SLOWNESS: Final = (1.0, 1.25, 1.5, 1.75, 2.0, 3.0)
_SHAPES: Final[Mapping[str, worlds.Shape]] = {
    "durations with a heavy tail": worlds.heavy_tailed,
    "both four times slower for seconds, again and again": worlds.bursts,
    "both slower and slower, up to four times": worlds.rising,
    "each stands still for 0.5 s, at its own times": worlds.pauses,
    "each stands still for 1 s, at its own times": partial(worlds.pauses, lasts_s=1.0),
    "each stands still for 2 s, at its own times": partial(worlds.pauses, lasts_s=2.0),
    "the canary's first second 20 times slower": worlds.cold,
    "a fifth of all calls fails for seconds, again and again": worlds.incidents,
}

SAME_HEAD: Final = (
    "a canary just like stable",
    "rollouts",
    "rolled back",
    "done after s",
    "not done",
)
POWER_HEAD: Final = ("canary", "weight", "stopped", "canary calls", "failures", "seconds")

Simulate = Callable[[Chance], Run]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a table: its first cells, and how one of its rollouts is simulated."""

    cells: tuple[str, ...]
    simulate: Simulate


def same_cases() -> Iterator[Case]:
    """Give the rollouts of versions that are just like stable."""
    for share in _FLAKES:
        yield _same(f"both fail on {_percent(share)} of the calls", World(share, share))
    for name, shape in _SHAPES.items():
        yield _same(name, World(shape=shape))
    name = "both over an absolute limit of 100 ms on 5 % of the calls"
    yield _same(name, World(shape=worlds.heavy_tailed), _ABSOLUTE)


def failing_cases(stable_failures: float) -> Iterator[Case]:
    """Give those of versions that fail on a share of their calls."""
    for share in _SHARES:
        yield from _at_weights(f"fails on {_percent(share)}", World(share, stable_failures))


def slow_cases() -> Iterator[Case]:
    """Give those of versions that are slower."""
    for factor in _SLOWNESS:
        yield from _at_weights(f"{factor:g} times as slow", World(slowness=factor))


def late_cases() -> Iterator[Case]:
    """Give those of versions that go bad after two good minutes."""
    for share in (0.02, 0.05, 0.2, 1.0):
        world = World(share, bad_from_s=_GOOD_BEFORE_S)
        for percent, later in ((50.0, POLICY), (100.0, _BAKING)):
            simulate = partial(run_late, POLICY, later, world, percent)
            yield Case((f"fails on {_percent(share)}", f"{percent:g} %"), simulate)


def same_table(executor: Executor, rollouts: int, seed: int) -> str:
    """Show how often a version just like stable is rolled back, and how long its rollout takes."""
    return table(
        SAME_HEAD,
        [_same_row(case, runs) for case, runs in _all(executor, same_cases(), rollouts, seed)],
    )


def power_table(executor: Executor, cases: Iterator[Case], rollouts: int, seed: int) -> str:
    """Show how many bad versions are stopped, and how soon."""
    return table(
        POWER_HEAD, [_power_row(case, runs) for case, runs in _all(executor, cases, rollouts, seed)]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table in Markdown, its columns aligned."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def simulate_all(simulate: Simulate, rollouts: int, seed: int) -> list[Run]:
    """Simulate so many rollouts, each with chance of its own."""
    return [simulate(np.random.default_rng([seed, number])) for number in range(rollouts)]


def _all(
    executor: Executor, cases: Iterator[Case], rollouts: int, seed: int
) -> Iterator[tuple[Case, list[Run]]]:
    begun = [(case, executor.submit(simulate_all, case.simulate, rollouts, seed)) for case in cases]
    return ((case, future.result()) for case, future in begun)


def _same(name: str, world: World, policy: CanaryPolicy = POLICY) -> Case:
    return Case((name,), partial(run_steps, policy, world))


def _at_weights(name: str, world: World) -> Iterator[Case]:
    for percent in POLICY.weights:
        simulate = partial(run_at_weight, POLICY, world, percent, _CANARY_TIME_S)
        yield Case((name, f"{percent:g} %"), simulate)
    yield Case((name, "rollout"), partial(run_steps, POLICY, world))


def _same_row(case: Case, runs: Sequence[Run]) -> list[str]:
    stopped = sum(run.is_stopped for run in runs)
    finished = [run.seconds for run in runs if run.is_finished]
    late = len(runs) - stopped - len(finished)
    return [*case.cells, str(len(runs)), str(stopped), _spread(finished), str(late)]


def _power_row(case: Case, runs: Sequence[Run]) -> list[str]:
    stopped = [run for run in runs if run.is_stopped]
    return [
        *case.cells,
        _percent(len(stopped) / len(runs)),
        _spread([run.canary_calls for run in stopped]),
        _spread([run.failures for run in stopped]),
        _spread([run.seconds for run in stopped]),
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    median, most = np.percentile(values, [50, 95], method="higher")
    return f"{_short(median)} ({_short(most)})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


NOTE: Final = f"""\
`5 %`, `20 %`, `50 %`: that weight for {_CANARY_TIME_S:g} s, the canary time of the default policy.
`rollout`: its steps, taken as the controller takes them, for {LONGEST_S:g} s at most.
`100 %`: after the promotion, for {POLICY.bake_time_s:g} s, with no call of stable any more.
Median (95th percentile) of the rollouts that were stopped, or done."""
