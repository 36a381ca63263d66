"""What a call that gave no answer says of a canary."""

from typing import Final

from control.core.canary_judge import CanaryEnd
from control.errors import (
    CircuitOpen,
    ControlError,
    DeadlineExceeded,
    Overloaded,
    QuotaExceeded,
    UpstreamUnavailable,
    release_frames,
)
from control.gateway.replies_of_triton import StubDied, TritonDied
from control.gateway.rollouts.under_way import Recalled
from control.observability.logs import get_logger

_NOBODYS_FAULT: Final = (CircuitOpen, Overloaded, QuotaExceeded, Recalled)

_log = get_logger("canary")


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


def is_time_out(error: Exception) -> bool:
    """Whether it was for want of time that there was no answer."""
    return isinstance(error, DeadlineExceeded | TimeoutError)


def end_beside(stables: BaseException) -> CanaryEnd:
    """Judge a canary's failure on a request that ``stables`` error has kept from an answer too."""
    if isinstance(stables, Exception) and not isinstance(stables, _NOBODYS_FAULT):
        return CanaryEnd.UNCONFIRMED
    return CanaryEnd.IGNORED
