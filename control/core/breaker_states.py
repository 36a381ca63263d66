"""The states of a breaker, the moves between them, and what it says to those who ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from control.core.protection import BreakerMode


class BreakerState(Enum):
    """The names are resilience4j's.

    CLOSED        calls pass and are judged.
    OPEN          calls are refused, for a while.
    HALF_OPEN     a few calls pass as probes; they decide.
    FORCED_OPEN   an operator has ordered that calls are refused.
    DISABLED      an operator has ordered that calls pass, and nothing is recorded.
    METRICS_ONLY  an operator has ordered that calls pass, and they are recorded but not judged.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"


#: The state that an order puts a breaker into; AUTOMATIC begins anew.
STATE_OF_MODE: Final[Mapping[BreakerMode, BreakerState]] = {
    BreakerMode.AUTOMATIC: BreakerState.CLOSED,
    BreakerMode.FORCED_OPEN: BreakerState.FORCED_OPEN,
    BreakerMode.DISABLED: BreakerState.DISABLED,
    BreakerMode.METRICS_ONLY: BreakerState.METRICS_ONLY,
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state, for those who log and count."""

    before: BreakerState
    after: BreakerState
    reason: str


class Ticket:
    """Leave for one call; ends once. ``period`` tells between which two moves it was given."""

    __slots__ = ("ended", "given_s", "period")

    def __init__(self, period: int, given_s: float) -> None:
        """Give leave now."""
        self.period = period
        self.given_s = given_s
        self.ended = False


@dataclass(frozen=True, slots=True)
class Refused:
    """No leave: the state, why the breaker is in it, and when to ask again."""

    state: BreakerState
    reason: str
    retry_after_s: float
