"""Simulates a rollout in one world, judged by the code that judges real ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.judge_power.worlds import Chance, World
from control.core.canary_judge import LiveJudge, judge
from control.core.canary_policy import CanaryPolicy
from control.core.judge_counts import CanaryEnd, JudgeCounts, Verdict

#: Before the first canary call the judge has heard this much of stable: loading takes as long.
BEFORE_S: Final = 1.0
LONGEST_S: Final = 600.0
_TICK_S: Final = 1.0

#: Is it the canary's; would it fail on the canary, and on stable; how long it takes; when it ends.
_Call = tuple[bool, bool, bool, float, float]


@dataclass(frozen=True, slots=True)
class Run:
    """How a rollout went: it was stopped, or it finished, or its time was over.

    ``seconds``, ``canary_calls`` and ``failures`` are counted from when the canary was bad.
    """

    is_stopped: bool
    is_finished: bool
    seconds: float
    canary_calls: int
    failures: int


class Simulation:
    """One rollout: calls are played to a judge in the order in which they end."""

    def __init__(self, policy: CanaryPolicy, world: World, seconds: float, chance: Chance) -> None:
        """Begin with some calls of stable alone."""
        self.policy, self._world = policy, world
        self.live = LiveJudge(policy)
        self._calls, self._at = world.calls(BEFORE_S + seconds, chance), 0
        many = len(self._calls.came_s)
        self._track = chance.random(many) * 100.0
        canary, stable = world.failures(self._calls)
        self._canary_fails = chance.random(many) < canary
        self._stable_fails = chance.random(many) < stable
        self.now_s = 0.0
        self.play(0.0, BEFORE_S)

    def play(self, percent: float, seconds: float) -> bool:
        """Play the calls of so many seconds at a weight; say whether the canary was stopped."""
        for call in self._next(percent, self.now_s + seconds):
            if self._end(call):
                self.now_s = call[-1]
                return True
        self.now_s += seconds
        return False

    def run(self, *, is_stopped: bool, is_finished: bool, good_before: JudgeCounts) -> Run:
        """Sum it up."""
        counts = self.live.counts
        return Run(
            is_stopped,
            is_finished,
            self.now_s - max(BEFORE_S, self._world.bad_from_s),
            counts.calls - good_before.calls,
            counts.failures - good_before.failures,
        )

    def _end(self, call: _Call) -> bool:
        is_canary, canary_fails, stable_fails, took_s, ended_s = call
        if not is_canary:
            self.live.stable_ended(failed=stable_fails, duration_s=took_s)
            return False
        end = CanaryEnd.SUCCESS
        if canary_fails:
            end = CanaryEnd.UNCONFIRMED if stable_fails else CanaryEnd.FAILURE
        return self.live.canary_ended(end, took_s, ended_s) is not None

    def _next(self, percent: float, until_s: float) -> Iterator[_Call]:
        calls, first = self._calls, self._at
        last = self._at = int(np.searchsorted(calls.came_s, until_s))
        part = slice(first, last)
        is_canary = self._track[part] < percent
        took_s = np.where(is_canary, calls.canary_s[part], calls.stable_s[part])
        ended_s = calls.came_s[part] + took_s
        order = np.argsort(ended_s)
        columns = (is_canary, self._canary_fails[part], self._stable_fails[part], took_s, ended_s)
        yield from zip(*(column[order].tolist() for column in columns), strict=True)


def run_at_weight(
    policy: CanaryPolicy, world: World, percent: float, seconds: float, chance: Chance
) -> Run:
    """Keep one weight until the judge stops the canary, or the time is over."""
    simulation = Simulation(policy, world, seconds, chance)
    is_stopped = simulation.play(percent, seconds)
    return simulation.run(
        is_stopped=is_stopped, is_finished=not is_stopped, good_before=JudgeCounts()
    )


def run_late(
    policy: CanaryPolicy, later: CanaryPolicy, world: World, percent: float, chance: Chance
) -> Run:
    """Let a canary be good at a weight of 50 % first, and bad at ``percent`` and ``later``."""
    seconds = later.bake_time_s
    simulation = Simulation(policy, world, world.bad_from_s + seconds, chance)
    if simulation.play(50.0, world.bad_from_s - BEFORE_S):
        return simulation.run(is_stopped=True, is_finished=False, good_before=JudgeCounts())
    good = simulation.live.counts
    simulation.live.reconfigure(later)
    is_stopped = simulation.play(percent, seconds)
    return simulation.run(is_stopped=is_stopped, is_finished=not is_stopped, good_before=good)


def run_steps(policy: CanaryPolicy, world: World, chance: Chance) -> Run:
    """Take the policy's steps, as the controller does: time, samples and a passing verdict."""
    simulation = Simulation(policy, world, LONGEST_S, chance)
    is_stopped = is_late = False
    for weight in policy.weights:
        began_s, before = simulation.now_s, simulation.live.counts
        while not (is_stopped or is_late or _is_proved(simulation, began_s, before)):
            is_stopped = simulation.play(weight, _TICK_S)
            is_late = simulation.now_s >= LONGEST_S
    is_finished = not (is_stopped or is_late)
    return simulation.run(is_stopped=is_stopped, is_finished=is_finished, good_before=JudgeCounts())


def _is_proved(simulation: Simulation, began_s: float, before: JudgeCounts) -> bool:
    policy = simulation.policy
    if simulation.now_s - began_s < policy.interval_s:
        return False
    counts = simulation.live.counts
    has_samples = counts.calls - before.calls >= policy.minimum_samples
    return has_samples and judge(policy, counts).verdict is Verdict.PASSING
