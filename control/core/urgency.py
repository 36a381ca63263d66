"""How urgent a request is: until when its answer is of use, and who goes before it."""

from typing import Final

from control.core.protection import Priority

#: Longer times are as good as none: the gateway's own limit is shorter.
_MOST_DIGITS: Final = 12
_PRIORITIES: Final = {one.name.lower().encode(): one for one in Priority}

PRIORITIES_IN_WORDS: Final = "high, normal or low"


def timeout_of_header(text: bytes) -> float | None:
    """Read ``x-request-timeout-ms``: seconds, None for zero (no limit); raises ValueError."""
    if not text.isdigit() or len(text) > _MOST_DIGITS:
        message = "expected whole milliseconds"
        raise ValueError(message)
    return int(text) / 1000 or None


def timeout_of_parameter(timeout_us: object) -> float | None:
    """Read Triton's request parameter ``timeout``, microseconds: seconds, None for zero or none."""
    return timeout_us / 1e6 if isinstance(timeout_us, int) and timeout_us > 0 else None


def priority_of_header(text: bytes) -> Priority:
    """Read ``x-seawall-priority``; raises ValueError."""
    found = _PRIORITIES.get(text.strip().lower())
    if found is None:
        message = f"expected {PRIORITIES_IN_WORDS}"
        raise ValueError(message)
    return found


def priority_of_parameter(level: object) -> Priority | None:
    """Read Triton's request parameter ``priority``: 1 is the highest, 0 says nothing."""
    if not isinstance(level, int) or level <= 0:
        return None
    return Priority(min(level, Priority.LOW))


def lowered(priority: Priority, *, may_be_high: bool) -> Priority:
    """Give the priority that a caller gets who asks for this one."""
    return priority if may_be_high else max(priority, Priority.NORMAL)
