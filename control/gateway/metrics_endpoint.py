"""``/metrics``: Seawall's series of all workers, then Triton's own as Triton gives them."""

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from control.child import ChildSetup
from control.errors import EndpointNotFound
from control.gateway.assembly import Gateway
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request
from control.observability.shared import SharedSeries


class MetricsEndpoint:
    """Any worker answers for all: they share their counters in files."""

    def __init__(self, setup: ChildSetup, gateway: Gateway) -> None:
        """Show what ``gateway`` and the workers beside it have counted."""
        self._shared = setup.paths.metrics
        self._gateway = gateway

    async def handle(self, request: Request) -> Reply:
        """Answer ``GET /metrics``."""
        if request.path != b"/metrics" or request.method != b"GET":
            return error_reply(EndpointNotFound("metrics are at /metrics"), new_request_id())
        self._gateway.write_down()
        own = await asyncio.to_thread(self._collect)
        body = own + await self._gateway.triton_series.read()
        return Reply(200, [body], content_type=CONTENT_TYPE_LATEST.encode())

    def _collect(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(SharedSeries(self._shared))
        return generate_latest(registry)
