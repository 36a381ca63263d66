"""``/metrics``: Seawall's series of all workers, then Triton's own as Triton gives them."""

import asyncio

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from control.child import ChildSetup
from control.errors import EndpointNotFound
from control.gateway.assembly import Gateway
from control.http.error_reply import error_reply, new_request_id
from control.http.messages import Reply, Request
from control.observability.shared import SharedSeries
from control.triton.address import parse_address
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream

_TRITON_TIMEOUT_S = 1.0


class MetricsEndpoint:
    """Any worker answers for all: they share their counters in files."""

    def __init__(self, setup: ChildSetup, gateway: Gateway) -> None:
        """Read Triton's series from its metrics address, where it has one."""
        self._shared = setup.paths.metrics
        self._gateway = gateway
        url = setup.settings.triton.metrics_url
        self._triton = Upstream(parse_address(url), max_idle=2) if url else None

    async def handle(self, request: Request) -> Reply:
        """Answer ``GET /metrics``."""
        if request.path != b"/metrics" or request.method != b"GET":
            return error_reply(EndpointNotFound("metrics are at /metrics"), new_request_id())
        self._gateway.observer.write_down()
        own = await asyncio.to_thread(self._collect)
        body = own + await self._triton_series()
        return Reply(200, [body], content_type=CONTENT_TYPE_LATEST.encode())

    def _collect(self) -> bytes:
        registry = CollectorRegistry()
        registry.register(SharedSeries(self._shared))
        return generate_latest(registry)

    async def _triton_series(self) -> bytes:
        if self._triton is None:
            return b""
        try:
            async with asyncio.timeout(_TRITON_TIMEOUT_S):
                answer = await self._triton.request("GET", "/metrics")
        except (ConnectRefused, ConnectionLost, TimeoutError):
            return b""
        return bytes(answer.body)
