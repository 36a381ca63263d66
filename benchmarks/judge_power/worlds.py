"""The traffic that rollouts are simulated in: when calls come, how long they take, which fail."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 50.0
_MEDIAN_S: Final = 0.02
_SPREAD, _HEAVY_SPREAD = 0.25, 1.0

Numbers = NDArray[np.float64]
Chance = np.random.Generator


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls in the order in which they come. Each has a duration for either track.

    ``trouble`` is the share that fails on both tracks for a common cause.
    """

    came_s: Numbers
    canary_s: Numbers
    stable_s: Numbers
    trouble: Numbers


Shape = Callable[[Numbers, Chance], Calls]


@dataclass(frozen=True, slots=True)
class World:
    """Shares of calls that fail, each by itself, and how much slower the canary is.

    Until ``bad_from_s`` the canary fails and takes as long as stable.
    """

    canary_failures: float = 0.0
    stable_failures: float = 0.0
    slowness: float = 1.0
    shape: Shape | None = None
    bad_from_s: float = 0.0

    def calls(self, seconds: float, chance: Chance) -> Calls:
        """Draw the calls of so many seconds."""
        came_s = np.cumsum(chance.exponential(1 / RATE, int(seconds * RATE)))
        calls = (self.shape or steady)(came_s, chance)
        slowness = np.where(came_s < self.bad_from_s, 1.0, self.slowness)
        return Calls(came_s, calls.canary_s * slowness, calls.stable_s, calls.trouble)

    def failures(self, calls: Calls) -> tuple[Numbers, Numbers]:
        """Give each call's chance to fail, on the canary and on stable."""
        is_good = calls.came_s < self.bad_from_s
        canary = np.where(is_good, self.stable_failures, self.canary_failures)
        return canary + calls.trouble, self.stable_failures + calls.trouble


def steady(came_s: Numbers, chance: Chance) -> Calls:
    """Durations like those of a quiet machine."""
    return _calls(came_s, _drawn(came_s, chance, _SPREAD), _drawn(came_s, chance, _SPREAD))


def heavy_tailed(came_s: Numbers, chance: Chance) -> Calls:
    """One call in ten takes more than 3.6 times the median, one in a hundred more than 10 times."""
    drawn = [_drawn(came_s, chance, _HEAVY_SPREAD) for _ in range(2)]
    return _calls(came_s, *drawn)


def bursts(came_s: Numbers, chance: Chance) -> Calls:
    """The machine is four times slower for some seconds again and again, for both tracks."""
    return _slowed(steady(came_s, chance), 1.0 + 3.0 * _spells(came_s, chance, 15.0, 4.0))


def rising(came_s: Numbers, chance: Chance) -> Calls:
    """Everything gets slower and slower, up to four times in 90 seconds."""
    return _slowed(steady(came_s, chance), 1.0 + 3.0 * np.minimum(came_s / 90.0, 1.0))


def pauses(came_s: Numbers, chance: Chance, lasts_s: float = 0.5) -> Calls:
    """Each track stands still for so long, each at its own times, about every 15 seconds."""
    calls = steady(came_s, chance)
    waits = [_waits(came_s, chance, 15.0, lasts_s) for _ in range(2)]
    return _calls(came_s, calls.canary_s + waits[0], calls.stable_s + waits[1])


def cold(came_s: Numbers, chance: Chance) -> Calls:
    """The canary's first second is twenty times slower."""
    calls = steady(came_s, chance)
    return _calls(came_s, calls.canary_s * np.where(came_s < 1.0, 20.0, 1.0), calls.stable_s)


def incidents(came_s: Numbers, chance: Chance) -> Calls:
    """For some seconds again and again a fifth of all calls fails, on both tracks."""
    calls = steady(came_s, chance)
    trouble = 0.2 * _spells(came_s, chance, 20.0, 3.0)
    return Calls(came_s, calls.canary_s, calls.stable_s, trouble)


def _calls(came_s: Numbers, canary_s: Numbers, stable_s: Numbers) -> Calls:
    return Calls(came_s, canary_s, stable_s, np.zeros_like(came_s))


def _drawn(came_s: Numbers, chance: Chance, spread: float) -> Numbers:
    return chance.lognormal(np.log(_MEDIAN_S), spread, len(came_s))


def _slowed(calls: Calls, factor: Numbers) -> Calls:
    return _calls(calls.came_s, calls.canary_s * factor, calls.stable_s * factor)


def _edges(chance: Chance, every_s: float, lasts_s: Numbers) -> Numbers:
    """Draw when spells of these lengths begin and end, in turn."""
    gaps = chance.exponential(every_s, len(lasts_s))
    return np.cumsum(np.column_stack([gaps, lasts_s]).ravel())


def _spells(came_s: Numbers, chance: Chance, every_s: float, lasts_s: float) -> Numbers:
    """Give 1 for calls in a spell of about this length, 0 for all others."""
    many = int(came_s[-1] / every_s) * 2 + 10
    edges = _edges(chance, every_s, chance.exponential(lasts_s, many))
    return (np.searchsorted(edges, came_s) % 2).astype(np.float64)


def _waits(came_s: Numbers, chance: Chance, every_s: float, lasts_s: float) -> Numbers:
    """Give how long each call waits for the end of the spell that it comes in."""
    many = int(came_s[-1] / every_s) * 2 + 10
    edges = _edges(chance, every_s, np.full(many, lasts_s))
    place = np.searchsorted(edges, came_s)
    inside = place % 2 == 1
    return np.where(inside, edges[np.minimum(place, len(edges) - 1)] - came_s, 0.0)
