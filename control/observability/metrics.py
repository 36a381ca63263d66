"""Every series that Seawall exposes, declared once. Base units are in the names."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from control.observability.tallies import CounterTally, HistogramTally

_LATENCY_BUCKETS_S = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


class GatewayMetrics:
    """The data plane's series. Label sets are bounded: models and versions that exist, codes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Declare the series in ``registry``."""
        self._declare_counters(registry)
        self._declare_durations(registry)
        self._declare_gauges(registry)
        self._declare_drift(registry)
        self._declare_reuse(registry)
        self._declare_fallbacks(registry)
        self._declare_memory(registry)
        self._declare_breakers(registry)
        self._declare_admission(registry)
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
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.upstream_duration = Histogram(
            "seawall_upstream_duration_seconds",
            "Time that Triton took to answer, holding and replays included, seconds.",
            ["model", "version"],
            buckets=_LATENCY_BUCKETS_S,
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

    def _declare_memory(self, registry: CollectorRegistry) -> None:
        self.memory_budget = Gauge(
            "seawall_memory_budget_bytes",
            "Bytes that requests may need at once beyond the loaded model. Absent where nothing"
            " bounds them.",
            ["model", "version"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.memory_reserved = Gauge(
            "seawall_memory_reserved_bytes",
            "Bytes that the requests in flight are predicted to need.",
            ["model", "version"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.memory_used = Gauge(
            "seawall_memory_used_bytes",
            "Bytes resident in the version's processes, the loaded model included; on a GPU, all"
            " that is used of it.",
            ["model", "version"],
            multiprocess_mode="livemax",
            registry=registry,
        )

    def _declare_reuse(self, registry: CollectorRegistry) -> None:
        self.cache_requests = Counter(
            "seawall_cache_requests_total",
            "Requests to models declared deterministic: 'hit' came from the cache, 'shared' joined"
            " an identical one under way, 'miss' called Triton.",
            ["model", "version", "result"],
            registry=registry,
        )
        self.cache_bytes = Gauge(
            "seawall_cache_bytes",
            "Bytes that the kept answers count for.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.cache_entries = Gauge(
            "seawall_cache_entries",
            "Answers that are kept.",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def _declare_fallbacks(self, registry: CollectorRegistry) -> None:
        self.fallbacks = Counter(
            "seawall_fallbacks_total",
            "Fallback steps taken for a version that gave no answer, by what they came to:"
            " 'answered' or 'failed'. Model and version are those that were asked.",
            ["model", "version", "kind", "result"],
            registry=registry,
        )

    def _declare_breakers(self, registry: CollectorRegistry) -> None:
        self.breaker_state = Gauge(
            "seawall_breaker_state",
            "Gateway workers whose breaker of the version is in this state.",
            ["model", "version", "state"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.breaker_transitions = Counter(
            "seawall_breaker_transitions_total",
            "Changes of a breaker's state, by the state that it came to.",
            ["model", "version", "to"],
            registry=registry,
        )
        self.calls_not_permitted = Counter(
            "seawall_calls_not_permitted_total",
            "Calls that a breaker refused.",
            ["model", "version"],
            registry=registry,
        )
        self.retries = Counter(
            "seawall_retries_total",
            "Tries after a request's first that have ended: 'retry' after a failure, 'hedge' beside"
            " a slow one; by 'success', 'failure' or 'cancelled'.",
            ["model", "version", "kind", "result"],
            registry=registry,
        )
        self.retry_budget_exhausted = Counter(
            "seawall_retry_budget_exhausted_total",
            "Retries and hedges that were not begun because too many were under way.",
            ["model", "version"],
            registry=registry,
        )

    def _declare_admission(self, registry: CollectorRegistry) -> None:
        names = ["model", "version"]
        self.concurrency_limit = Gauge(
            "seawall_concurrency_limit",
            "Requests that may be in flight at a version at once, of all workers.",
            names,
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.admitted_in_flight = Gauge(
            "seawall_admitted_in_flight",
            "Requests that a version is working on, those given up by their callers included.",
            names,
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.queued_requests = Gauge(
            "seawall_queued_requests",
            "Requests that wait for a place.",
            names,
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.shed = Counter(
            "seawall_shed_total",
            "Requests that got no place, by reason: queue_full, delay, cannot_finish, memory or"
            " deadline.",
            ["model", "version", "reason"],
            registry=registry,
        )
        self.queue_wait = Histogram(
            "seawall_queue_wait_seconds",
            "Time that requests waited for a place, of those that had to and got one, seconds.",
            names,
            buckets=_LATENCY_BUCKETS_S,
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
