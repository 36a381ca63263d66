"""What is asked of whom, when. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TARGETS = ("direct", "envoy", "seawall")
STEPS = (0.5, 1.0, 2.0, 5.0, 10.0)

#: Share of the capacity that requests of high priority ask for, at every step: it fits always.
HIGH_SHARE = 0.2

#: Shares of the capacity in the seconds before a run, which count for nothing.
WARM_UP = 0.5


@dataclass(frozen=True, slots=True)
class Offer:
    """Requests a second, by priority."""

    high_rps: float
    normal_rps: float


@dataclass(frozen=True, slots=True)
class Planned:
    """One run: a multiple of the capacity, and who gets it."""

    step: float
    target: str


def schedule(steps: Sequence[float], targets: Sequence[str]) -> Iterator[Planned]:
    """Order the runs: step by step; the targets side by side, each in turn the first."""
    for index, step in enumerate(sorted(steps)):
        turn = index % len(targets)
        for target in (*targets[turn:], *targets[:turn]):
            yield Planned(step, target)


def offer_of(step: float, capacity_rps: float) -> Offer:
    """Split what a step offers: the high priority's rate is the same at every step."""
    high = min(HIGH_SHARE, step / 2)
    return Offer(high_rps=high * capacity_rps, normal_rps=(step - high) * capacity_rps)
