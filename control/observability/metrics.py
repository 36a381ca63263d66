"""Every series that Seawall exposes, declared once. Base units are in the names."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from control.observability.guard_metrics import LATENCY_BUCKETS_S, GuardMetrics
from control.observability.rollout_metrics import RolloutMetrics
from control.observability.tallies import CounterTally, HistogramTally


class GatewayMetrics(GuardMetrics, RolloutMetrics):
    """The data plane's series. Label sets are bounded: models and versions that exist, codes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Declare the series in ``registry``."""
        GuardMetrics.__init__(self, registry)
        RolloutMetrics.__init__(self, registry)
        self._declare_counters(registry)
        self._declare_durations(registry)
        self._declare_gauges(registry)
        self._declare_drift(registry)
        self._all_series: list[VersionSeries] = []
        self.observe_for: Callable[[str, str], VersionSeries] = cache(self._series)

    def _declare_counters(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "seawall_requests_total",
            "Inference requests answered, by outcome: 'ok' or the error code.",
            ["model", "version", "outcome"],
            registry=registry,
        )
        self.violations = Counter(
            "seawall_contract_violations_total",
            "Breaches of contract files, by rule; mode 'observe' let the request pass.",
            ["model", "version", "rule", "mode"],
            registry=registry,
        )
        self.refused_unread = Counter(
            "seawall_refused_unread_total",
            "Requests refused before they were whole, by error code.",
            ["code"],
            registry=registry,
        )
        self.replays = Counter(
            "seawall_replays_total",
            "Requests sent again because Triton died before it answered them.",
            registry=registry,
        )
        self.quota_storage_failures = Counter(
            "seawall_quota_storage_failures_total",
            "Quota checks that could not be counted; what they were for has passed.",
            registry=registry,
        )
        self.request_bytes = Counter(
            "seawall_request_body_bytes_total",
            "Bytes of inference request bodies, as received.",
            ["model", "version"],
            registry=registry,
        )

    def _declare_durations(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "seawall_request_duration_seconds",
            "Time from the whole request read to the answer written, seconds.",
            ["model", "version"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.upstream_duration = Histogram(
            "seawall_upstream_duration_seconds",
            "Time that Triton took to answer, holding and replays included, seconds.",
            ["model", "version"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )

    def _declare_gauges(self, registry: CollectorRegistry) -> None:
        self.held = Gauge(
            "seawall_held_requests",
            "Requests that wait for Triton to come back.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.in_flight = Gauge(
            "seawall_in_flight_requests",
            "Inference requests being served, as of the last quarter of a second.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.upstream_up = Gauge(
            "seawall_upstream_up",
            "1 while Triton takes calls, else 0; the least of all gateway workers.",
            multiprocess_mode="livemin",
            registry=registry,
        )

    def _declare_drift(self, registry: CollectorRegistry) -> None:
        # The worst of all workers: a client that keeps to one of them is not averaged away.
        self.input_drift_psi = Gauge(
            "seawall_input_drift_psi",
            "Population stability index of recent inputs against the contract's deciles; from"
            " 0.25 on they differ much. Absent without enough recent values.",
            ["model", "version", "input", "feature"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.input_outside_envelope = Gauge(
            "seawall_input_outside_envelope_ratio",
            "Share of recent values beyond the least and greatest that the contract was learned"
            " from. Absent without enough recent values.",
            ["model", "version", "input", "feature"],
            multiprocess_mode="livemax",
            registry=registry,
        )

    def flush(self) -> None:
        """Write down what has been counted since the last time."""
        for series in self._all_series:
            series.flush()

    def _series(self, model: str, version: str) -> "VersionSeries":
        series = VersionSeries(self, model, version)
        self._all_series.append(series)
        return series


class VersionSeries:
    """The tallies of one model version, looked up once: label look-ups cost more than counting."""

    __slots__ = ("_labels", "_metrics", "_outcomes", "duration", "request_bytes", "upstream")

    def __init__(self, metrics: GatewayMetrics, model: str, version: str) -> None:
        """Resolve the labels."""
        self._metrics, self._labels = metrics, (model, version)
        self._outcomes: dict[str, CounterTally] = {}
        self.duration = HistogramTally(metrics.duration.labels(model, version))
        self.upstream = HistogramTally(metrics.upstream_duration.labels(model, version))
        self.request_bytes = CounterTally(metrics.request_bytes.labels(model, version))

    def count(self, outcome: str) -> None:
        """Count one request that ended so."""
        tally = self._outcomes.get(outcome)
        if tally is None:
            tally = CounterTally(self._metrics.requests.labels(*self._labels, outcome))
            self._outcomes[outcome] = tally
        tally.pending += 1

    def flush(self) -> None:
        """Write down what has been counted since the last time."""
        for outcome in self._outcomes.values():
            outcome.flush()
        self.request_bytes.flush()
        self.duration.flush()
        self.upstream.flush()
