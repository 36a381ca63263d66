"""Decides how long a request waits for a canary, and how long a canary has to answer it.

``usual_s`` is what a call takes as a rule, 0 where that is unknown.
"""

from dataclasses import dataclass
from typing import Final

#: What stable needs after the canary has failed: so many times what it usually takes, and a moment.
_KEPT_FACTOR: Final = 2.0
_KEPT_S: Final = 0.01
#: A canary that has less than so many times what stable takes is not asked: it might be as good.
_NEEDED_FACTOR: Final = 1.5
#: Where nothing is known, stable gets half of the time, and all of it if that is less than this.
_UNKNOWN_RATIO: Final = 0.5
_UNKNOWN_LEAST_S: Final = 1.0
#: A canary that takes so many times longer than stable does is not waited for; so long, where that
#: is unknown.
_TIMES_STABLE: Final = 10.0
_LEAST_S: Final = 1.0
_UNKNOWN_S: Final = 5.0
#: A copy of a request is waited for so long at most.
_MOST_SHADOW_S: Final = 30.0
#: A time-out is held against a canary that had so many times what stable took, and not less than
#: a moment.
_FAIR_FACTOR: Final = 2.0
_FAIR_FLOOR_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """The request waits until ``leaves_s``; the canary is judged by what it does until ``ends_s``.

    What it does is its own: how patient a client is says nothing about it.
    """

    leaves_s: float
    ends_s: float


def trial_times(
    now_s: float, deadline_s: float, usual_s: float, *, is_baking: bool
) -> TrialTimes | None:
    """Give the times of a request's call of the canary; None where stable is to be asked at once.

    Stable can still answer whoever has waited in vain. A request with too little time for both is
    stable's, or has to be the new version's where that ``is_baking``: it is what will be served.
    """
    left_s, own_s = max(0.0, deadline_s - now_s), _own_s(usual_s)
    spare_s = _spare_s(left_s, usual_s) or (left_s if is_baking else 0.0)
    return TrialTimes(now_s + min(spare_s, own_s), now_s + own_s) if spare_s else None


def shadow_deadline(now_s: float, usual_s: float) -> float:
    """Give the deadline of a copy, whose answer nobody waits for."""
    return now_s + min(_MOST_SHADOW_S, _own_s(usual_s))


def timed_out_fairly(allowed_s: float, stable_took_s: float, usual_s: float) -> bool:
    """Whether a canary that did not answer within ``allowed_s`` is to blame.

    Some requests take long whoever answers them, so what stable took for this one counts too.
    """
    return allowed_s >= max(_FAIR_FACTOR * max(stable_took_s, usual_s), _FAIR_FLOOR_S)


def _own_s(usual_s: float) -> float:
    """Give the time after which a version just like stable has surely answered."""
    return max(_LEAST_S, _TIMES_STABLE * usual_s) if usual_s else _UNKNOWN_S


def _spare_s(left_s: float, usual_s: float) -> float:
    """Give what stable does not need of the time; 0 where that is too little to ask a canary."""
    if not usual_s:
        return _UNKNOWN_RATIO * left_s if left_s >= _UNKNOWN_LEAST_S else 0.0
    spare_s = left_s - _KEPT_FACTOR * usual_s - _KEPT_S
    return spare_s if spare_s >= _NEEDED_FACTOR * usual_s else 0.0
