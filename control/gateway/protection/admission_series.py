"""The series of one version's admission, written down a few times a second."""

from collections.abc import Mapping
from dataclasses import dataclass

from control.core.waiting_line import Shed
from control.observability.metrics import GatewayMetrics
from control.observability.shared import NO_DATA
from control.observability.tallies import CounterTally, HistogramTally


@dataclass(frozen=True, slots=True)
class AdmissionStatus:
    """What one worker's admission of a version is like now; None is what is not known.

    ``shed`` counts by reason since the start, ``queue_ms`` is the mean time in Triton's own queue.
    """

    model: str
    version: int
    limit: int
    in_flight: int
    queued: int
    shed: Mapping[str, int]
    rtt_ms: float | None
    queue_ms: float | None
    useful_batch: float | None


class AdmissionSeries:
    """Counts cheaply; ``show`` writes."""

    def __init__(self, metrics: GatewayMetrics, model: str, version: int) -> None:
        """Resolve the labels."""
        labels = (model, str(version))
        self._limit = metrics.concurrency_limit.labels(*labels)
        self._in_flight = metrics.admitted_in_flight.labels(*labels)
        self._queued = metrics.queued_requests.labels(*labels)
        self._wait = HistogramTally(metrics.queue_wait.labels(*labels))
        self._shed = {one: CounterTally(metrics.shed.labels(*labels, one.value)) for one in Shed}
        #: All that got no place, by reason, since the start.
        self.shed_count: dict[Shed, int] = dict.fromkeys(Shed, 0)

    def shed(self, reason: Shed) -> None:
        """Count one request that got no place."""
        self._shed[reason].pending += 1
        self.shed_count[reason] += 1

    def waited(self, seconds: float) -> None:
        """Count one request that waited and then got its place."""
        self._wait.observe(seconds)

    def show(self, limit: int, in_flight: int, queued: int) -> None:
        """Write everything down."""
        self._limit.set(limit)
        self._in_flight.set(in_flight)
        self._queued.set(queued)
        self._flush()

    def hide(self) -> None:
        """Take the version's gauges back: it is gone."""
        for gauge in (self._limit, self._in_flight, self._queued):
            gauge.set(NO_DATA)
        self._flush()

    def _flush(self) -> None:
        self._wait.flush()
        for tally in self._shed.values():
            tally.flush()
