"""Whether a larger share of a canary's calls is bad than may be: a test to be read at any moment.

The evidence is an e-process: what a gambler owns who began with 1 and bets on each call that the
canary is worse than allowed, at odds that are fair, or bad for him, where it is not. By Ville's
inequality the chance that he ever owns 1/a is at most a, however often one looks and whenever one
stops (J. Ville, Etude critique de la notion de collectif, 1939; A. Ramdas, P. Gruenwald, V. Vovk
and G. Shafer, Game-theoretic statistics and safe anytime-valid inference, Statistical Science
38(4), 2023). His bets are likelihood ratios, as in A. Wald's sequential probability ratio test
(Annals of Mathematical Statistics 16(2), 1945), of several larger shares at once.

A share may be as large as the limit, or as stable's own at the same time. Both have to be refuted,
so there are two such processes, and the smaller one counts:

1. ``alone``: against the limit.
2. ``beside``: each canary call against the stable calls just before it, which it takes with it, so
   that whatever befalls both at once is no evidence, however the shares of both go up and down.
   With q and s the shares bet on and m stable calls, p = (q + m s) / (1 + m) makes the ratio fair
   whatever share both have in truth: its mean is (1 + m d)(1 - d)^m <= 1 for some d (R. Turner,
   A. Ly and P. Gruenwald, Generic E-variables for exact sequential k-sample tests that allow for
   optional stopping, Journal of Statistical Planning and Inference 230, 2024).

A version may go bad late. So the gambler keeps a part of his money and bets on, with ever less of
it, that it has gone bad just now: a mixture over the moment of the change. Thousands of good calls
do not make the test numb.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from math import exp, log
from typing import Final

from control.core.fair_bets import (
    BETS,
    Factors,
    against_limit,
    against_stable,
    at_most,
    bounded,
    steps_of,
)

#: Natural logarithms of what the gambler owns, by the share that he bets on: first those of
#: ``alone``, then those of ``beside``.
Evidence = tuple[float, ...]

#: The part of the money that is bet from the first call on.
_AT_ONCE: Final = 0.5
#: Of what is kept, ``_PACE / (calls + _FIRST_CALLS)`` is bet anew at each call.
_PACE, _FIRST_CALLS = 0.5, 50
_MOST_OWNED: Final = 1e200
#: Stable calls that wait to be compared; the oldest give way.
_MOST_WAITING: Final = 256
#: So many canary calls without one of stable, and there is no same time to compare.
_UNHEARD: Final = 10
#: Stable's share is known from its last calls, one to two times as many.
_RECENT: Final = 1000
#: Before stable is known it is taken to be bad half a time in so many calls.
_BAD_BEFORE, _CALLS_BEFORE = 0.5, 20


class ShareTest:
    """The test, call by call. Of ``limit`` and stable's share the larger one may be bad.

    ``by_chance`` is the share that no version which is as good as stable exceeds, whatever stable's
    share is: it holds where stable has no call to compare with. Evidence counts once it has lasted
    for ``lasting`` canary calls: bad calls that come all at once have one cause, which passes.
    """

    __slots__ = (
        "_alone",
        "_bad_waiting",
        "_beside",
        "_by_chance",
        "_compared",
        "_kept",
        "_last",
        "_lasting",
        "_limit",
        "_marks",
        "_unheard",
        "bad",
        "calls",
        "stable_bad",
        "stable_calls",
    )

    def __init__(self, limit: float, by_chance: float = 1.0, lasting: int = 1) -> None:
        """Begin without evidence."""
        self._by_chance = bounded(by_chance)
        self._lasting = lasting
        self.restart(limit)
        self.calls = self.bad = self.stable_calls = self.stable_bad = 0
        self._compared = 0  # stable calls that no canary call will be compared with any more
        #: The numbers of the last bad ones.
        self._bad_waiting: deque[int] = deque(maxlen=_MOST_WAITING)
        self._marks = (0, 0, 0, 0)  # stable's calls and bad ones some time ago, twice
        self._unheard = 0

    def restart(self, limit: float) -> None:
        """Begin anew against another limit, with what is known of stable."""
        self._limit = bounded(limit)
        self._alone = [_AT_ONCE] * BETS
        self._beside = [_AT_ONCE] * BETS
        self._kept = 1.0 - _AT_ONCE
        self._last = deque([self._owned] * self._lasting, maxlen=self._lasting)

    @property
    def is_stable_heard(self) -> bool:
        """Whether stable has calls at the same time as the canary."""
        return self._unheard < _UNHEARD or self._compared < self.stable_calls

    @property
    def evidence(self) -> Evidence:
        """What there is by now."""
        return tuple(log(min(owned)) for owned in zip(*self._last, strict=True))

    def stable_ended(self, *, bad: bool) -> None:
        """Take a call of stable."""
        self.stable_calls += 1
        if bad:
            self.stable_bad += 1
            self._bad_waiting.append(self.stable_calls)

    def canary_ended(self, *, bad: bool) -> None:
        """Take a call of the canary, and the stable calls that it is compared with."""
        alone, (beside, mates_bad) = against_limit(self._limit, self._limit), self._beside_mates()
        anew = self._kept * _PACE / (self.calls + _FIRST_CALLS)
        self._kept -= anew
        self.calls += 1
        if bad:
            self.bad += 1
            self._alone = _won(self._alone, anew, alone.bad)
            self._beside = _won(self._beside, anew, beside.bad)
        else:
            self._alone = _bet(self._alone, anew, alone.good)
            self._beside = _bet(self._beside, anew, beside.good)
        if mates_bad:
            lost = [factor**mates_bad for factor in beside.mate_bad]
            self._beside = _bet(self._beside, 0.0, lost)
        self._last.append(self._owned)

    @property
    def _owned(self) -> list[float]:
        return [money + self._kept for money in self._alone + self._beside]

    def _beside_mates(self) -> tuple[Factors, int]:
        """Give the factors of the canary call that comes, and how many of its mates were bad."""
        waiting = min(self.stable_calls - self._compared, _MOST_WAITING)
        if not waiting:
            return self._without_mates(), 0
        self._unheard = 0
        mates = (waiting + 1) // 2  # the others are for a canary call that follows at once
        self._drop_until(self.stable_calls - waiting)
        # A bet is fair only if the calls that decide it have no part in choosing it.
        steps = self._stable_steps()
        return against_stable(self._limit, steps, mates), self._drop_until(self._compared + mates)

    def _drop_until(self, last: int) -> int:
        """Let no stable call wait up to ``last``; say how many of them were bad."""
        self._compared = last
        bad, numbers = 0, self._bad_waiting
        while numbers and numbers[0] <= last:
            numbers.popleft()
            bad += 1
        return bad

    def _stable_steps(self) -> int:
        calls, bad = self._recent()
        return steps_of((bad + _BAD_BEFORE) / (calls + _CALLS_BEFORE))

    def _without_mates(self) -> Factors:
        self._unheard += 1
        if self._unheard <= _UNHEARD:
            return against_limit(self._limit, self._by_chance)
        calls, bad = self._recent()
        most = max(self._limit, at_most(bad, calls))
        return against_limit(self._limit, min(self._by_chance, most))

    def _recent(self) -> tuple[int, int]:
        """Give stable's last calls, one to two times ``_RECENT``, and how many of them were bad.

        Those that wait to be compared are not among them.
        """
        calls_now, bad_now = self._compared, self.stable_bad - len(self._bad_waiting)
        calls, bad, calls_before, bad_before = self._marks
        if calls_now - calls >= _RECENT:
            self._marks = (calls_now, bad_now, calls, bad)
            calls_before, bad_before = calls, bad
        return calls_now - calls_before, bad_now - bad_before


def strength(evidence: Evidence) -> float:
    """Give the logarithm of the evidence against both: the limit, and stable's share."""
    return min(_log_mean(evidence[:BETS]), _log_mean(evidence[BETS:]))


def add(one: Evidence, other: Evidence) -> Evidence:
    """Pool the evidence of calls that do not depend on each other."""
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))


def stronger(one: Evidence, other: Evidence) -> Evidence:
    """Pool the evidence of calls that may depend on each other."""
    if not one or not other:
        return one or other
    return max(one, other, key=strength)


def evidence_of_counts(limit: float, calls: int, bad: int, by_chance: float) -> Evidence:
    """Give the evidence of calls of which nothing is known but how many were bad."""
    limit, by_chance = bounded(limit), bounded(by_chance)
    alone, beside = against_limit(limit, limit), against_limit(limit, by_chance)
    return _logs(alone, calls, bad) + _logs(beside, calls, bad)


def _logs(factors: Factors, calls: int, bad: int) -> Evidence:
    pairs = zip(factors.bad, factors.good, strict=True)
    return tuple(bad * log(lost) + (calls - bad) * log(kept) for lost, kept in pairs)


def _bet(owned: Iterable[float], anew: float, factors: Iterable[float]) -> list[float]:
    return [(money + anew) * factor for money, factor in zip(owned, factors, strict=True)]


def _won(owned: Iterable[float], anew: float, factors: Iterable[float]) -> list[float]:
    return [min(money, _MOST_OWNED) for money in _bet(owned, anew, factors)]


def _log_mean(logs: Sequence[float]) -> float:
    largest = max(logs)
    return largest + log(sum(exp(one - largest) for one in logs) / len(logs))
