"""The series of rollouts: what becomes of canaries, and of copies of requests."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RolloutMetrics:
    """A part of the data plane's series. Labels are bounded: versions that exist, and ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Declare the series in ``registry``."""
        names = ["model", "version"]
        self.canary_requests = Counter(
            "seawall_canary_requests_total",
            "Calls of a version that is tried out, copies included, by what they say of it:"
            " 'success', 'failure' (stable answered the same request), 'crash', 'unconfirmed'"
            " (stable failed too) or 'ignored' (overload, or a client that left).",
            [*names, "end"],
            registry=registry,
        )
        self.canary_rerouted = Counter(
            "seawall_canary_rerouted_total",
            "Requests that were given to stable because the version that is tried out did not"
            " answer them; the version is the one that did not.",
            names,
            registry=registry,
        )
        self.canary_weight = Gauge(
            "seawall_canary_weight_percent",
            "Percent of a model's requests that the version that is tried out answers now; the"
            " greatest of all gateway workers.",
            names,
            multiprocess_mode="livemax",
            registry=registry,
        )
        self.canary_stopped = Counter(
            "seawall_canary_stopped_total",
            "Times that a gateway worker has stopped a canary by itself.",
            names,
            registry=registry,
        )
        self.shadow_answers = Counter(
            "seawall_shadow_answers_total",
            "Copies of requests to a version that is tried out: its answer 'agreed' or 'disagreed'"
            " with stable's, it 'failed', or the copy was 'dropped'.",
            [*names, "result"],
            registry=registry,
        )


class RolloutOutcomes:
    """The controller's series, in the files that gateways show."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Declare the series in ``registry``."""
        self.ended = Counter(
            "seawall_rollouts_total",
            "Rollouts that have ended, by the phase that the version has come to: 'live',"
            " 'rolled_back' or 'rejected'. Of several controllers, the one that ended it counts.",
            ["model", "outcome"],
            registry=registry,
        )
        self.phase = Gauge(
            "seawall_rollout_phase",
            "1 for the phase that a version is in while it is rolled out. Absent while nothing is.",
            ["model", "version", "phase"],
            multiprocess_mode="livemax",
            registry=registry,
        )
