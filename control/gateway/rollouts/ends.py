"""What a call that gave no answer says of a canary."""

from dataclasses import dataclass
from typing import Final

from control.core.canary_time import timed_out_fairly
from control.core.judge_counts import CanaryEnd
from control.errors import (
    CircuitOpen,
    ControlError,
    DeadlineExceeded,
    Overloaded,
    QuotaExceeded,
    UpstreamUnavailable,
    release_frames,
)
from control.gateway.answers import Given
from control.gateway.replies_of_triton import StubDied, TritonDied
from control.gateway.rollouts.under_way import Recalled
from control.observability.logs import get_logger

_NOBODYS_FAULT: Final = (CircuitOpen, Overloaded, QuotaExceeded, Recalled)

_log = get_logger("canary")


@dataclass(frozen=True, slots=True)
class Lost:
    """A call without an answer: what it says of the canary if stable answers, and how it ended."""

    end: CanaryEnd
    took_s: float
    timed_out: bool = False

    def beside(self, given: Given, stable_took_s: float, usual_s: float) -> CanaryEnd:
        """Judge it by what stable has answered to the same request.

        A kept answer is of a time when all may have been well with both.
        """
        if given.stands_in or given.is_kept:
            return CanaryEnd.UNCONFIRMED
        if self.timed_out and not timed_out_fairly(self.took_s, stable_took_s, usual_s):
            return CanaryEnd.IGNORED
        return self.end


def end_of(error: Exception, *, apart: bool) -> CanaryEnd:
    """Judge what ended a canary's call; a FAILURE is one only if stable answers the request.

    ``apart`` says that it has a tritonserver of its own: where that is away, nobody else is to
    blame. What nobody foresaw is logged whole, and held against the canary.
    """
    if not isinstance(error, ControlError | TimeoutError | Recalled):
        _log.error("unforeseen_failure", exc_info=error)
    release_frames(error)
    match error:
        case StubDied() | TritonDied():
            return CanaryEnd.CRASH
        case UpstreamUnavailable():
            return CanaryEnd.FAILURE if apart else CanaryEnd.IGNORED
        case _ if isinstance(error, _NOBODYS_FAULT):
            return CanaryEnd.IGNORED
        case _:
            return CanaryEnd.FAILURE


def is_time_out(error: BaseException) -> bool:
    """Whether it was for want of time that there was no answer."""
    return isinstance(error, DeadlineExceeded | TimeoutError)


def end_beside(stables: BaseException) -> CanaryEnd:
    """Judge a canary's failure on a request that ``stables`` error has kept from an answer too."""
    if isinstance(stables, Exception) and not isinstance(stables, _NOBODYS_FAULT):
        return CanaryEnd.UNCONFIRMED
    return CanaryEnd.IGNORED
