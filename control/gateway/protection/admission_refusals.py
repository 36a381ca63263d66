"""What a request hears that gets no place."""

import math
from typing import Final

from control.core.waiting_line import Shed
from control.errors import ControlError, DeadlineExceeded, Overloaded, TooLarge

_MOST_RETRY_AFTER_S: Final = 30

_OVERLOADED: Final = {
    Shed.QUEUE_FULL: "too many requests wait already",
    Shed.DELAY: "the request had waited for too long",
    Shed.CANNOT_FINISH: "the requests before this one will take longer than it may wait",
    Shed.MEMORY: "the memory that the request needs did not become free in time",
}


def refusal(reason: Shed, name: str, *, queued: int, rate: float) -> ControlError:
    """Give the error; ``rate`` is the places that become free in a second, 0 if unknown."""
    if reason is Shed.DEADLINE:
        return DeadlineExceeded(f"{name} had no place within the request's time")
    message = f"{name} is overloaded: {_OVERLOADED[reason]} ({queued} wait now)"
    return Overloaded(message, retry_after_s=retry_after_s(queued, rate))


def never_fits(name: str, memory_bytes: int, capacity: int) -> TooLarge:
    """Give the error of a request that needs more memory than there ever is."""
    message = f"{name} has at most {capacity} bytes of memory for requests, got {memory_bytes}"
    return TooLarge(f"{message} by this request's size")


def too_late(name: str, left_s: float, fastest_s: float) -> DeadlineExceeded:
    """Give the error of a request that even the fastest call would leave unanswered."""
    message = f"{name} takes at least {fastest_s:.3g} s, got {max(left_s, 0.0):.3g} s left"
    return DeadlineExceeded(message)


def retry_after_s(queued: int, rate: float) -> int:
    """Give the whole seconds after which those that wait now will have been served."""
    wait_s = math.ceil(queued / rate) if rate > 0.0 else 1
    return min(max(wait_s, 1), _MOST_RETRY_AFTER_S)
