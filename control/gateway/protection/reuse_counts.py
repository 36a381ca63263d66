"""Counts where answers came from, for the metrics and the control plane."""

from dataclasses import dataclass
from enum import Enum

from control.core.answer_cache import Holding, Place
from control.observability.metrics import GatewayMetrics


class Source(Enum):
    """Where an answer came from."""

    UPSTREAM = "miss"
    CACHE = "hit"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class ReuseStatus:
    """What is kept of one version, and how requests to it were answered since the start."""

    model: str
    version: int
    entries: int
    size_bytes: int
    hits: int
    misses: int
    shared: int


class ReuseCounts:
    """How requests to one version were answered, and what the metrics know of it."""

    __slots__ = ("_told", "totals")

    def __init__(self) -> None:
        self.totals = dict.fromkeys(Source, 0)
        self._told = dict.fromkeys(Source, 0)

    def write_down(self, metrics: GatewayMetrics, place: Place) -> None:
        """Tell the metrics what is new."""
        for source, total in self.totals.items():
            if total > self._told[source]:
                series = metrics.cache_requests.labels(place[0], str(place[1]), source.value)
                series.inc(total - self._told[source])
                self._told[source] = total

    def status(self, place: Place, held: Holding) -> ReuseStatus:
        """Say how requests were answered, and what is held."""
        return ReuseStatus(
            model=place[0],
            version=place[1],
            entries=held.entries,
            size_bytes=held.size_bytes,
            hits=self.totals[Source.CACHE],
            misses=self.totals[Source.UPSTREAM],
            shared=self.totals[Source.SHARED],
        )
