"""The series that each model instance adds to Triton's metrics endpoint.

Stubs of the same model and version share their counters; memory carries the instance, because a
shared gauge would show whichever instance wrote last.
"""

from typing import Any, Protocol

from backends.guarded.faults import FaultKind
from backends.guarded.memory import cuda_allocated_bytes, rss_bytes


class MetricsApi(Protocol):
    """The part of `triton_python_backend_utils` that is used here."""

    # Any: Triton's metric family is a C++ class without type information.
    MetricFamily: Any


class Instruments:
    """Counters and gauges of one model instance."""

    def __init__(
        self, api: MetricsApi, *, model: str, version: str, instance: str, device: str
    ) -> None:
        self._device = device
        who = {"model": model, "version": version}
        family = api.MetricFamily
        self._families = [
            family(
                name="seawall_model_tokens_total",
                kind=family.COUNTER,
                description="Tokens that answered requests were read as",
            ),
            family(
                name="seawall_model_isolated_failures_total",
                kind=family.COUNTER,
                description="Requests that failed alone while their batch mates went on",
            ),
            family(
                name="seawall_model_memory_bytes",
                kind=family.GAUGE,
                description="Memory held by the model's process (rss) or on its GPU (cuda)",
            ),
        ]
        tokens, failures, memory = self._families
        self._tokens = tokens.Metric(labels=who)
        self._failures = {
            kind: failures.Metric(labels={**who, "kind": kind.value}) for kind in FaultKind
        }
        where = {**who, "instance": instance}
        self._rss = memory.Metric(labels={**where, "memory": "rss"})
        self._cuda = (
            memory.Metric(labels={**where, "memory": "cuda"}) if device.startswith("cuda") else None
        )

    def count_tokens(self, tokens: int) -> None:
        """Add tokens of answered requests."""
        self._tokens.increment(tokens)

    def count_failure(self, kind: FaultKind) -> None:
        """Count one request that failed alone."""
        self._failures[kind].increment(1)

    def observe_memory(self) -> None:
        """Set the memory gauges to the present use."""
        self._rss.set(rss_bytes())
        if self._cuda is not None:
            self._cuda.set(cuda_allocated_bytes(self._device))
