"""The controller: one process; traffic does not depend on it."""

import asyncio
import signal

import uvloop

from control.child import ChildSetup, begin_child
from control.controller.admin.app import create_admin_app
from control.controller.admin.events_api import EventsFront
from control.controller.assembly import Controller
from control.errors import StateUnavailable
from control.http.limits import HttpLimits
from control.http.server import HttpServer
from control.http.wsgi import WsgiLane
from control.observability.logs import get_logger
from control.state.store import StateStore

_ADMIN_THREADS = 4
_ADMIN_BODY_BYTES = 1024 * 1024

_log = get_logger("controller")


def main() -> None:
    """Run the controller until SIGTERM."""
    setup = begin_child("controller", logs_as="controller")
    uvloop.run(_serve(setup))


async def _serve(setup: ChildSetup) -> None:
    identity = setup.settings.identity
    if identity.jwks_file is not None and not identity.jwt_audience:
        _log.warning("jwt_audience_not_set", effect="JWTs for other services are accepted too")
    controller = Controller(setup, _open_state(setup))
    running = [asyncio.create_task(one) for one in await controller.start()]
    parts = controller.admin_parts()
    lane = WsgiLane(create_admin_app(parts), threads=_ADMIN_THREADS)
    front = EventsFront(parts.events, parts.gate, lane.handle)
    server = HttpServer(front.handle, HttpLimits(max_body_bytes=_ADMIN_BODY_BYTES))
    await server.listen(setup.socket("admin"))
    _log.info("listening", http=setup.settings.admin.http)
    await _until_terminated(running)
    await server.drain(1.0)


async def _until_terminated(running: list[asyncio.Task[None]]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for one in running:
        if one.done():
            one.result()  # a loop that failed ends the process: the launcher starts a new one
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _open_state(setup: ChildSetup) -> StateStore:
    try:
        return StateStore.open(setup.settings.state.database_url, setup.paths.database)
    except StateUnavailable as error:  # the reason is in the log
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
