"""The keys of ``contract.yaml`` that limit a request, and all requests that a version holds.

Defaults are those of ``core.protection``, in milliseconds where that counts seconds.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from control.contracts.parts import Milliseconds, Part
from control.core.protection import ConcurrencyPolicy, MemoryPolicy, QueuePolicy

_CONCURRENCY: Final = ConcurrencyPolicy()
_QUEUE: Final = QueuePolicy()
_MEMORY: Final = MemoryPolicy()

_MOST_IN_FLIGHT: Final = 100_000
_InFlight = Annotated[int, Field(ge=1, le=_MOST_IN_FLIGHT, strict=True)]
_Bytes = Annotated[float, Field(ge=0, le=2**50, strict=True, allow_inf_nan=False)]
_Headroom = Annotated[float, Field(ge=0, le=90, strict=True, allow_inf_nan=False)]


class ConcurrencyRange(Part):
    """Between what the limit of requests in flight is found; a bare number is a fixed limit."""

    min: _InFlight = _CONCURRENCY.least
    """Least limit; no more than ``max`` where only that is said."""
    max: _InFlight = _CONCURRENCY.most
    """Greatest limit; no less than ``min`` where only that is said."""
    initial: _InFlight | None = None
    """Limit to begin with; if not set, taken from the model's config."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        said = self.model_fields_set
        if {"min", "max"} <= said and self.min > self.max:
            message = f"min {self.min} is greater than max {self.max}"
            raise ValueError(message)
        least, most = self.bounds
        if self.initial is not None and not least <= self.initial <= most:
            message = f"initial {self.initial} is not within {least}..{most}"
            raise ValueError(message)
        return self

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest limit; a default gives way to what is said."""
        if "min" in self.model_fields_set:
            return self.min, max(self.min, self.max)
        return min(self.min, self.max), self.max


def _fixed(value: object) -> object:
    if isinstance(value, dict):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_IN_FLIGHT:
        message = f"must be a whole number of 1..{_MOST_IN_FLIGHT}, or a mapping with min and max"
        raise ValueError(message)
    return {"min": value, "max": value}


Concurrency = Annotated[ConcurrencyRange, BeforeValidator(_fixed)]


class QueueRules(Part):
    """Requests that wait for a place among those in flight."""

    max_queue_size: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] = _QUEUE.max_queue_size
    """Most requests that wait; 0 lets none wait."""
    target_delay_ms: Milliseconds | None = None
    """Longest wait; if not set, half of the time that a request had left when it came."""
    interval_ms: Milliseconds = _QUEUE.interval_s * 1000
    """How long nobody must have waited too long before an overload counts as over."""


class MemoryRules(Part):
    """What a request needs beyond the loaded model; ``seawall profile`` proposes the numbers."""

    bytes_per_request: _Bytes = _MEMORY.bytes_per_request
    """Needed by every request."""
    bytes_per_row: _Bytes = _MEMORY.bytes_per_row
    """Needed by each row of the batch."""
    bytes_per_input_byte: _Bytes = _MEMORY.bytes_per_input_byte
    """Needed by each byte of the input tensors."""
    bytes_per_token: _Bytes = _MEMORY.bytes_per_token
    """Needed by each token; some input must have ``tokens``."""
    budget_bytes: Annotated[int, Field(ge=1, le=2**50, strict=True)] | None = None
    """What all requests may need together; if not set, what the machine leaves free."""
    headroom_percent: _Headroom = _MEMORY.headroom_percent
    """Part of the free memory that is never given out."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Whose memory it is."""


class Limits(Part):
    """Limits on a request, and on all requests that a version holds at once."""

    request_bytes: Annotated[int, Field(ge=1, le=2**40, strict=True)] | None = None
    """Largest request body, bytes, as received."""
    batch: Annotated[int, Field(ge=1, le=2**31, strict=True)] | None = None
    """Largest batch of one request."""
    deadline_ms: Milliseconds | None = None
    """Time for an answer where the request asks for none; if not set, the gateway's timeout."""
    concurrency: Concurrency = ConcurrencyRange()
    """Requests in flight: a number, or a range in which the limit is found."""
    queue: QueueRules = QueueRules()
    """Requests that wait."""
    memory: MemoryRules = MemoryRules()
    """Memory that requests are predicted to need."""
