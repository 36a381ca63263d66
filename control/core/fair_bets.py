"""Bets that a share is larger than it may be: fair, or bad for who bets, where it is not.

``sequential_test`` says what they are good for, and why they are fair.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log, sqrt
from typing import Final

#: Shares bet on: these multiples of the odds that may be, and these, where they are larger.
_MULTIPLES: Final = (2.0, 4.0, 12.0)
_SHARES: Final = (0.3, 0.6, 0.95)
BETS: Final = len(_MULTIPLES) + len(_SHARES)

_LEAST_SHARE: Final = 1e-6
#: Shares are rounded in odds to powers of this, so that few bets have to be worked out.
_ROUNDING: Final = 1.5
_PER_LOG: Final = 1.0 / log(_ROUNDING)
#: Standard deviations to the most that stable's share may be.
_Z: Final = 3.0


@dataclass(frozen=True, slots=True)
class Factors:
    """What the bets are multiplied by, each: by a bad canary call, a good one, a bad mate."""

    bad: tuple[float, ...]
    good: tuple[float, ...]
    mate_bad: tuple[float, ...] = ()


@lru_cache(maxsize=8192)
def against_limit(least: float, share: float) -> Factors:
    """Bet on shares beyond ``least`` against "no more than ``share`` is bad"."""
    larger = [max(share, bet) for bet in _larger(least)]
    return Factors(
        tuple(bet / share for bet in larger),
        tuple((1.0 - bet) / (1.0 - share) for bet in larger),
    )


@lru_cache(maxsize=8192)
def against_stable(limit: float, steps: int, mates: float) -> Factors:
    """Bet against "no more than of stable", whose share is about ``steps``.

    ``mates`` are the stable calls to each canary call. The factors of a canary call are right if
    they all were good; ``mate_bad`` sets that right.
    """
    stable = _share_at(steps)
    larger = _larger(max(limit, stable))
    both = [(bet + mates * stable) / (1.0 + mates) for bet in larger]
    mate_good = [(1.0 - stable) / (1.0 - share) for share in both]
    mates_good = [factor**mates for factor in mate_good]
    return Factors(
        tuple(q / p * m for q, p, m in zip(larger, both, mates_good, strict=True)),
        tuple((1.0 - q) / (1.0 - p) * m for q, p, m in zip(larger, both, mates_good, strict=True)),
        tuple(stable / p / factor for p, factor in zip(both, mate_good, strict=True)),
    )


def _larger(share: float) -> list[float]:
    """Give the shares to bet on. One that is no larger than ``share`` is no bet."""
    odds = share / (1.0 - share)
    near = [many * odds / (1.0 + many * odds) for many in _MULTIPLES]
    return near + [max(share, fixed) for fixed in _SHARES]


def steps_of(share: float) -> int:
    """Round a share; ``against_stable`` takes it like that."""
    return round(log(share / (1.0 - share)) * _PER_LOG)


def _share_at(steps: int) -> float:
    odds = _ROUNDING**steps
    return odds / (1.0 + odds)


def at_most(bad: float, calls: float) -> float:
    """Give the upper end of Wilson's interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927)."""
    if not calls:
        return 1.0
    share, z2 = bad / calls, _Z * _Z
    spread = _Z * sqrt(share * (1.0 - share) / calls + z2 / (4.0 * calls * calls))
    return (share + z2 / (2.0 * calls) + spread) / (1.0 + z2 / calls)


def bounded(share: float) -> float:
    """Give the nearest share that has odds: neither never nor always."""
    return min(max(share, _LEAST_SHARE), 1.0 - _LEAST_SHARE)
