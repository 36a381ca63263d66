"""What gateways tell the controller: events, each a frame of its own on the link."""

from typing import Final, cast

import msgspec

from control.core.judge_counts import JudgeCounts
from control.learning.summary import VersionSummary

#: A frame that claims to be longer is no event; the greatest report has about 800 KiB.
MAX_EVENT_BYTES: Final = 4 * 1024 * 1024


class TrafficReport(msgspec.Struct, frozen=True, tag="traffic"):
    """All that one gateway process has learned of one version since it started.

    Each report replaces the one before: losing one costs nothing. ``gateway`` names the process.
    """

    gateway: str
    traffic: VersionSummary


class AdmissionReport(msgspec.Struct, frozen=True):
    """The concurrency limit of one version in one gateway process, and who is under way.

    ``shed`` counts those who got no place, by reason; ``rtt_ms`` is how long Triton takes for one,
    ``queue_ms`` how long of that it waits there. None is what is not known.
    """

    limit: int
    in_flight: int
    queued: int
    shed: dict[str, int]
    rtt_ms: float | None
    queue_ms: float | None
    useful_batch: float | None


class BreakerReport(msgspec.Struct, frozen=True):
    """One version's breaker in one gateway process; rates are None where nothing was counted.

    ``reason`` says why it last changed, ``retry_after_s`` when it will be tried again.
    """

    state: str
    failure_rate_percent: float | None
    slow_call_rate_percent: float | None
    calls: int
    retry_after_s: float
    reason: str


class CacheReport(msgspec.Struct, frozen=True):
    """The answers of one version that one gateway process holds, and how often they served.

    ``shared`` requests got the answer to an identical one that was in flight.
    """

    entries: int
    bytes: int
    hits: int
    misses: int
    shared: int


class MemoryReport(msgspec.Struct, frozen=True):
    """What requests to one version may use in one gateway process; None is no bound, or unknown."""

    budget_bytes: int | None
    reserved_bytes: int
    used_bytes: int | None


class VersionGuards(msgspec.Struct, frozen=True):
    """All that guards one version in one gateway process; None is what it has not needed yet."""

    model: str
    version: int
    admission: AdmissionReport | None = None
    breaker: BreakerReport | None = None
    cache: CacheReport | None = None
    memory: MemoryReport | None = None


class GuardReport(msgspec.Struct, frozen=True, tag="guard"):
    """What guards the versions in one gateway process now; replaces the report before."""

    gateway: str
    versions: list[VersionGuards]


class CanaryReport(msgspec.Struct, frozen=True, tag="canary"):
    """How a canary does in one gateway process, all that it has seen of the rollout.

    Each report replaces the one before: losing one costs nothing. ``gateway`` names the process, by
    a name that no other ever has. ``stopped`` is why this gateway calls the canary no more, empty
    while it does; ``stopped_at`` is when it stopped, in seconds since the epoch.
    """

    gateway: str
    model: str
    rollout: str
    version: int
    counts: JudgeCounts
    stopped: str = ""
    stopped_at: float = 0.0


class SnapshotApplied(msgspec.Struct, frozen=True, tag="applied"):
    """One gateway decides by this revision now."""

    revision: int


#: What gateways tell of their own accord.
Report = TrafficReport | GuardReport | CanaryReport
Event = Report | SnapshotApplied

encode_event: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Event).decode


def decode_event(data: bytes) -> Event:
    """Decode one event; raises ValueError on a broken one."""
    try:
        return cast("Event", _decode(data))
    except (msgspec.MsgspecError, ValueError) as error:
        message = f"broken event: {error}"
        raise ValueError(message) from error
