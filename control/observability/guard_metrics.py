"""The series of what protects versions: admission, memory, breakers, retries, reuse, fallbacks."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


class GuardMetrics:
    """A part of the data plane's series. Labels are bounded: versions that exist, and states."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Declare the series in ``registry``."""
        self._declare_admission(registry)
        self._declare_memory(registry)
        self._declare_breakers(registry)
        self._declare_reuse(registry)
        self._declare_fallbacks(registry)

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
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
