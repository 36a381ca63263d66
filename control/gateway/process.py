"""A gateway worker: one process, one event loop, on sockets that the launcher has bound."""

import asyncio
import gc
import os
import signal

import prometheus_client.values
import uvloop

from control.child import ChildSetup, begin_child
from control.core.reading import ReadPatience
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.flask_app import create_app
from control.gateway.lanes import Lanes
from control.gateway.metrics_endpoint import MetricsEndpoint
from control.http.limits import HttpLimits
from control.http.server import HttpServer
from control.http.wsgi import WsgiLane
from control.observability.logs import get_logger

_log = get_logger("gateway")

#: Rare full collections: a request makes no cycles, and a pause hits whoever is in flight.
_GC_THRESHOLDS = (50_000, 50, 100)


def main() -> None:
    """Run one worker until SIGTERM."""
    _fix_process_id_of_counters()
    setup = begin_child("gateway", logs_as="gateway")
    gc.set_threshold(*_GC_THRESHOLDS)
    uvloop.run(_serve(setup))


def _fix_process_id_of_counters() -> None:
    # The library asks for the process id at every count, in case of a fork; we never fork.
    pid = os.getpid()
    values = prometheus_client.values
    values.ValueClass = values.MultiProcessValue(lambda: pid)  # type: ignore[no-untyped-call]


async def _serve(setup: ChildSetup) -> None:
    settings = setup.settings.gateway
    gateway = Gateway(setup.settings, setup.paths)
    flask = WsgiLane(
        create_app(gateway, Bridge(asyncio.get_running_loop())), threads=settings.flask_threads
    )
    lanes = Lanes(gateway.pipeline, flask)
    if settings.express_lane:
        gateway.snapshots.on_change(lanes.learn_routes)
    gateway.start()
    limits = HttpLimits(
        max_body_bytes=settings.max_body_bytes,
        max_held_body_bytes=settings.max_held_body_bytes,
        max_connections=settings.max_connections,
        patience=ReadPatience(stall_timeout_s=settings.stall_timeout_s),
    )
    refused = gateway.metrics.refused_unread
    server = HttpServer(lanes.handle, limits, lambda error: refused.labels(error.code).inc())
    await server.listen(setup.socket("http"))
    metrics = HttpServer(MetricsEndpoint(setup, gateway).handle, HttpLimits(max_body_bytes=1024))
    await metrics.listen(setup.socket("metrics"))
    gc.collect()
    gc.freeze()
    _log.info("listening", http=settings.http)
    await _terminated()
    await server.drain(settings.drain_timeout_s)
    await metrics.drain(0.0)
    gateway.stop()
    _log.info("drained")


async def _terminated() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    main()
