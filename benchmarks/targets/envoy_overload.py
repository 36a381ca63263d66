"""What an engineer who knows the model's capacity configures in Envoy against overload."""

from dataclasses import dataclass
from typing import Any

_ADAPTIVE = (
    "type.googleapis.com/envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency"
)
_FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
_FILTER = "envoy.filters.http.adaptive_concurrency"
_MORE_THAN_REQUESTS = 1024  # Envoy's default, so that `max_requests` is the limit that counts


@dataclass(frozen=True, slots=True)
class OverloadGuards:
    """The limits: the time an answer is of use, and the requests in flight of each priority."""

    deadline_s: float
    max_requests: int
    max_requests_high: int


def guards_for(capacity_rps: float, deadline_s: float) -> OverloadGuards:
    """Give each priority half of the requests that can be answered within a deadline.

    More in flight than ``capacity x deadline`` cannot be answered in time (Little's law).
    """
    half = max(1, int(capacity_rps * deadline_s / 2))
    return OverloadGuards(deadline_s, max_requests=half, max_requests_high=half)


def guarded(bootstrap: dict[str, Any], guards: OverloadGuards) -> dict[str, Any]:
    """Add adaptive concurrency, circuit breakers and the deadline to a plain forwarder's config.

    Any: JSON for another program. High priority has circuit breakers of its own, and is
    left out of the adaptive limit, which knows no priorities.
    """
    resources = bootstrap["static_resources"]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"].insert(0, {"name": _FILTER, "typed_config": _adaptive_concurrency()})
    for host in manager["route_config"]["virtual_hosts"]:
        (route,) = host["routes"]
        route["route"]["timeout"] = f"{guards.deadline_s:g}s"
        host["routes"] = [_high(route), route]
    resources["clusters"][0]["circuit_breakers"] = {
        "thresholds": [
            _threshold("DEFAULT", guards.max_requests),
            _threshold("HIGH", guards.max_requests_high),
        ]
    }
    return bootstrap


def _adaptive_concurrency() -> dict[str, Any]:
    return {
        "@type": _ADAPTIVE,
        "gradient_controller_config": {
            "sample_aggregate_percentile": {"value": 50},
            "concurrency_limit_params": {"concurrency_update_interval": "0.1s"},
            "min_rtt_calc_params": {"interval": "60s", "request_count": 50},
        },
        "enabled": {"default_value": True, "runtime_key": "adaptive_concurrency.enabled"},
    }


def _high(route: dict[str, Any]) -> dict[str, Any]:
    header = {"name": "x-seawall-priority", "string_match": {"exact": "high"}}
    return {
        "match": {**route["match"], "headers": [header]},
        "route": {**route["route"], "priority": "HIGH"},
        "typed_per_filter_config": {_FILTER: {"@type": _FILTER_CONFIG, "disabled": True}},
    }


def _threshold(priority: str, requests: int) -> dict[str, Any]:
    return {
        "priority": priority,
        "max_requests": requests,
        "max_pending_requests": requests,
        "max_connections": max(_MORE_THAN_REQUESTS, requests),
    }
