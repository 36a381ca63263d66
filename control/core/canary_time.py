"""Decides how long a canary may take for a request that others can answer too."""

from typing import Final

#: Of the time that a request has left, so much is the canary's at most: stable needs the rest.
_CANARY_RATIO: Final = 0.5
#: A canary that takes so many times longer than stable does is not waited for.
_TIMES_STABLE: Final = 10.0
_LEAST_S: Final = 1.0
#: A copy of a request is waited for so long at most, and so long where stable's time is unknown.
_MOST_SHADOW_S: Final = 30.0
_UNKNOWN_SHADOW_S: Final = 10.0
#: A time-out is held against a canary that had so many times what stable took, and not less than
#: a moment.
_FAIR_FACTOR: Final = 2.0
_FAIR_FLOOR_S: Final = 0.1


def canary_deadline(deadline_s: float, now_s: float, usual_s: float) -> float:
    """Give the deadline of the canary's call of a request that has until ``deadline_s``.

    ``usual_s`` is what stable takes as a rule, 0 where that is unknown.
    """
    left_s = _CANARY_RATIO * max(0.0, deadline_s - now_s)
    if usual_s <= 0.0:
        return now_s + left_s
    return now_s + min(left_s, max(_LEAST_S, _TIMES_STABLE * usual_s))


def shadow_deadline(now_s: float, usual_s: float) -> float:
    """Give the deadline of a copy, whose answer nobody waits for."""
    if usual_s <= 0.0:
        return now_s + _UNKNOWN_SHADOW_S
    return now_s + min(_MOST_SHADOW_S, max(_LEAST_S, _TIMES_STABLE * usual_s))


def timed_out_fairly(allowed_s: float, stable_took_s: float, usual_s: float) -> bool:
    """Whether a canary that did not answer within ``allowed_s`` is to blame.

    Some requests take long whoever answers them, so what stable took for this one counts too.
    """
    return allowed_s >= max(_FAIR_FACTOR * max(stable_took_s, usual_s), _FAIR_FLOOR_S)
