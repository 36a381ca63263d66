"""What protects one model version under load and in failure: every policy, as plain values.

They come from ``contract.yaml`` over the defaults here; nothing here decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Final


class Priority(IntEnum):
    """How much a request matters; lower numbers go first, as in Triton."""

    HIGH = 1
    NORMAL = 2
    LOW = 3


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """The limit of requests in flight: ``fixed``, or found between ``least`` and ``most``.

    ``initial`` None is taken from the model's config.
    """

    fixed: int | None = None
    initial: int | None = None
    least: int = 2
    most: int = 1000


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Requests that wait for a place.

    ``target_delay_s`` is how long one may wait; None is half of the time that it had left when it
    began to wait: whoever has a minute is not turned away after milliseconds. Who is predicted to
    wait longer is refused at once. Where the prediction was wrong and the oldest has waited for
    longer than that, the line is overloaded: the newest go first, and who has waited too long is
    shed, but never high priority (adaptive LIFO), until nobody has waited too long for
    ``interval_s``.
    """

    max_queue_size: int = 1024
    target_delay_s: float | None = None
    interval_s: float = 0.1


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """What a request needs beyond the loaded model, bytes; all zero reserves nothing.

    ``budget_bytes`` None is what the process, its cgroup and the GPU leave free; of that,
    ``headroom_percent`` is never given out.
    """

    bytes_per_request: float = 0.0
    bytes_per_row: float = 0.0
    bytes_per_input_byte: float = 0.0
    bytes_per_token: float = 0.0
    budget_bytes: int | None = None
    headroom_percent: float = 10.0
    device: str = "cpu"

    @property
    def predicts(self) -> bool:
        """Whether a request is predicted to need anything."""
        return bool(
            self.bytes_per_request
            or self.bytes_per_row
            or self.bytes_per_input_byte
            or self.bytes_per_token
        )


class WindowType(Enum):
    """What a breaker's window holds: the last calls, or the last seconds."""

    COUNT_BASED = "count_based"
    TIME_BASED = "time_based"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """The names are resilience4j's; rates are percent, ``sliding_window_size`` calls or seconds."""

    failure_rate_threshold: float = 50.0
    slow_call_rate_threshold: float = 100.0
    slow_call_duration_s: float = 60.0
    sliding_window_type: WindowType = WindowType.COUNT_BASED
    sliding_window_size: int = 100
    minimum_number_of_calls: int = 20
    wait_duration_in_open_state_s: float = 5.0
    permitted_number_of_calls_in_half_open_state: int = 5
    max_wait_duration_in_half_open_state_s: float = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Sending again. The budget and the back-off are Envoy's.

    ``per_try_timeout_s`` None gives each try all the time that is left; with
    ``hedge_on_per_try_timeout`` a second try then runs beside the first.
    """

    num_retries: int = 1
    per_try_timeout_s: float | None = None
    hedge_on_per_try_timeout: bool = False
    budget_percent: float = 20.0
    min_retry_concurrency: int = 3
    base_interval_s: float = 0.025
    max_interval_s: float = 0.25


class FallbackKind(Enum):
    """Where an answer comes from when the version itself gives none."""

    CACHE = "cache"
    VERSION = "version"
    MODEL = "model"
    STATIC = "static"


@dataclass(frozen=True, slots=True)
class StaticOutput:
    """One output of a static answer: the shape and bytes of one row (or of all, unbatched)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Fallback:
    """One step. ``version`` None is the newest ready one of ``model``.

    ``inputs`` maps the other model's inputs to ours, ``outputs`` our outputs to the other's; an
    empty map keeps all names. ``answer`` belongs to a static step, ``max_stale_s`` (seconds past
    the answer's time to live) to a cached one.
    """

    kind: FallbackKind
    model: str = ""
    version: int | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    answer: tuple[StaticOutput, ...] = ()
    max_stale_s: float = 0.0

    @property
    def calls_triton(self) -> bool:
        """Whether this step needs time in Triton."""
        return self.kind in {FallbackKind.VERSION, FallbackKind.MODEL}


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long an answer is as good as a new one; ``per_tenant`` shares it with nobody else."""

    ttl_s: float
    per_tenant: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """Everything that protects one version. ``deadline_s`` None is the gateway's own timeout.

    Only what is ``deterministic`` is cached or shared between identical requests.
    """

    deadline_s: float | None = None
    priority: Priority = Priority.NORMAL
    concurrency: ConcurrencyPolicy = ConcurrencyPolicy()
    queue: QueuePolicy = QueuePolicy()
    memory: MemoryPolicy = MemoryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    retries: RetryPolicy = RetryPolicy()
    fallbacks: tuple[Fallback, ...] = ()
    deterministic: bool = False
    cache: CachePolicy | None = None


DEFAULT_PROTECTION: Final = Protection()


class BreakerMode(Enum):
    """What an operator has ordered of a breaker; AUTOMATIC is none of the others."""

    AUTOMATIC = "automatic"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"
    METRICS_ONLY = "metrics_only"


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator has ordered for one model, or for one version of it; None orders nothing.

    An epoch that grows is a command: to forget the breaker's past, or what has been cached.
    """

    concurrency: int | None = None
    max_concurrency: int | None = None
    max_queue_size: int | None = None
    deadline_ms: int | None = None
    breaker: BreakerMode = BreakerMode.AUTOMATIC
    breaker_epoch: int = 0
    cache_epoch: int = 0


NO_OVERRIDE: Final = Override()


def overridden(protection: Protection, order: Override) -> Protection:
    """Give the protection as the operator has ordered it."""
    if order is NO_OVERRIDE:
        return protection
    concurrency, queue = protection.concurrency, protection.queue
    if order.max_concurrency is not None:
        most = order.max_concurrency
        least = min(concurrency.least, most)
        concurrency = replace(concurrency, fixed=None, least=least, most=most)
    if order.concurrency is not None:
        concurrency = replace(concurrency, fixed=order.concurrency)
    if order.max_queue_size is not None:
        queue = replace(queue, max_queue_size=order.max_queue_size)
    deadline_s = protection.deadline_s
    if order.deadline_ms is not None:
        deadline_s = order.deadline_ms / 1000
    return replace(protection, concurrency=concurrency, queue=queue, deadline_s=deadline_s)
