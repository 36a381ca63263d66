"""Decides how long a request waits for a canary, and how long a canary has to answer it.

``usual_s`` is what a call takes as a rule, 0 where that is unknown; ``wait_s`` is how long stable
would let the request wait for its place.
"""

from dataclasses import dataclass
from typing import Final

#: What stable needs after the canary has failed: so many times what it usually takes, its line
#: included, and a moment. Whoever would wait for half of their time finds no place in the line.
_KEPT_FACTOR: Final = 2.0
_KEPT_S: Final = 0.01
#: A canary that has less than so many times what stable takes is not asked: it might be as good.
_NEEDED_FACTOR: Final = 1.5
#: Where nothing is known, stable gets half of the time, and all of it if that is less than this.
_UNKNOWN_RATIO: Final = 0.5
_UNKNOWN_LEAST_S: Final = 1.0
#: After so many times what stable takes as a rule, a canary is not waited for alone; after so long,
#: where that is unknown.
_TIMES_STABLE: Final = 10.0
_LEAST_S: Final = 1.0
_UNKNOWN_S: Final = 5.0
#: What nobody waits for goes on for so long at most, as a rule.
_MOST_S: Final = 30.0
#: A time-out is held against a canary that had so many times what stable took, and not less than
#: a moment.
_FAIR_FACTOR: Final = 2.0
_FAIR_FLOOR_S: Final = 0.1
#: It gets a little more, as it may have waited for its place.
_GIVEN_FACTOR: Final = 2.5


@dataclass(frozen=True, slots=True)
class TrialTimes:
    """The times of a call of the canary that began at ``began_s``.

    The request waits for it alone until ``leaves_s``; then stable is asked beside it. By ``due_s``
    a version just like stable has answered, unless the request takes long whoever answers it. At
    ``ends_s`` the call ends, whatever stable does.
    """

    began_s: float
    leaves_s: float
    due_s: float
    ends_s: float

    def fair_s(self, stable_took_s: float, usual_s: float) -> float:
        """Say until when the canary may take for a request that has taken stable so long."""
        needed_s = _GIVEN_FACTOR * max(stable_took_s, usual_s)
        return max(self.due_s, self.began_s + needed_s)


def trial_times(
    now_s: float, deadline_s: float, usual_s: float, *, wait_s: float = 0.0, is_baking: bool
) -> TrialTimes | None:
    """Give the times of a request's call of the canary; None where stable is to be asked at once.

    Stable can still answer whoever has waited in vain. A request with too little time for both is
    stable's, or has to be the new version's where that ``is_baking``: it is what will be served.
    What the canary does is its own: how patient a client is says nothing about it.
    """
    left_s, own_s = max(0.0, deadline_s - now_s), _own_s(usual_s)
    spare_s = _spare_s(left_s, usual_s, wait_s) or (left_s if is_baking else 0.0)
    if not spare_s:
        return None
    most_s = _GIVEN_FACTOR * max(own_s, min(left_s, _MOST_S))
    return TrialTimes(now_s, now_s + min(spare_s, own_s), now_s + own_s, now_s + most_s)


def shadow_deadline(now_s: float, usual_s: float, stable_took_s: float) -> float:
    """Give the deadline of a copy of a request that has taken stable so long."""
    return now_s + min(_MOST_S, max(_own_s(usual_s), _GIVEN_FACTOR * stable_took_s))


def confirm_deadline(now_s: float, usual_s: float, callers_s: float) -> float:
    """Give the deadline of stable's answer to what a caller had asked with ``callers_s`` left."""
    return now_s + min(_MOST_S, max(_own_s(usual_s), callers_s))


def timed_out_fairly(allowed_s: float, stable_took_s: float, usual_s: float) -> bool:
    """Whether a canary that did not answer within ``allowed_s`` is to blame.

    Some requests take long whoever answers them, so what stable took for this one counts too.
    """
    return allowed_s >= max(_FAIR_FACTOR * max(stable_took_s, usual_s), _FAIR_FLOOR_S)


def _own_s(usual_s: float) -> float:
    """Give the time after which a version just like stable has surely answered."""
    return max(_LEAST_S, _TIMES_STABLE * usual_s) if usual_s else _UNKNOWN_S


def _spare_s(left_s: float, usual_s: float, wait_s: float) -> float:
    """Give what stable does not need of the time; 0 where that is too little to ask a canary."""
    if not usual_s:
        return _UNKNOWN_RATIO * left_s if left_s >= _UNKNOWN_LEAST_S else 0.0
    spare_s = left_s - _KEPT_FACTOR * (usual_s + wait_s) - _KEPT_S
    return spare_s if spare_s >= _NEEDED_FACTOR * usual_s else 0.0
