"""The controller: one process; traffic does not depend on it."""

import argparse
import asyncio
import signal
from collections.abc import Callable

import msgspec
import uvloop

from control.child import ChildSetup, load_child_setup
from control.contracts.artifacts import ArtifactStore
from control.controller.admin.app import AdminParts, create_admin_app
from control.controller.admin.gate import AdminGate
from control.controller.contract_book import ContractBook
from control.controller.directive_source import DirectiveSource
from control.controller.guards import GuardWatch
from control.controller.learning import LearnedTraffic
from control.controller.loop import ControllerLoop, ControllerState
from control.controller.triton_reader import TritonReader
from control.errors import StateUnavailable
from control.http.limits import HttpLimits
from control.http.server import HttpServer
from control.http.wsgi import WsgiLane
from control.identity.jwks_file import JwksFile
from control.identity.jwt_tokens import jwt_rules
from control.link.events import GuardReport, Report
from control.link.messages import SnapshotMessage, decode_message
from control.link.publisher import SnapshotPublisher
from control.observability.logs import configure_logs, get_logger
from control.runtime import RuntimePaths
from control.state.store import StateStore
from control.triton.address import parse_address
from control.triton.management import GrpcIndex, HttpIndex
from control.triton.stubs import StubWatch
from control.triton.upstream import Upstream

_ADMIN_THREADS = 4
_ADMIN_BODY_BYTES = 1024 * 1024

_log = get_logger("controller")


def main() -> None:
    """Run the controller until SIGTERM."""
    parser = argparse.ArgumentParser(prog="seawall controller")
    parser.add_argument("--setup", required=True)
    setup = load_child_setup(parser.parse_args().setup)
    log = setup.settings.log
    configure_logs("controller", level=log.level, form=log.format)
    uvloop.run(_serve(setup))


async def _serve(setup: ChildSetup) -> None:
    store = _open_state(setup)
    state = ControllerState()
    identity = setup.settings.identity
    if identity.jwks_file is not None and not identity.jwt_audience:
        _log.warning("jwt_audience_not_set", effect="JWTs for other services are accepted too")
    directives = DirectiveSource(store, JwksFile(identity.jwks_file), setup.operator)
    gate = AdminGate(jwt_rules(identity))
    directives.on_change(gate.learn)
    await directives.load()
    learned, guards = LearnedTraffic(), GuardWatch()
    publisher = SnapshotPublisher(
        setup.paths.link_socket, setup.paths.kept_snapshot, hear=_listener(learned, guards)
    )
    await publisher.start()
    repository = setup.settings.triton.repository
    book = ContractBook(repository, ArtifactStore(setup.paths.artifacts), store.contracts)
    loop = ControllerLoop(_reader(setup), book, directives, publisher, state)
    kept = _kept_snapshot(setup.paths)
    if kept is not None:
        loop.go_on_from(kept)
    ticking = asyncio.create_task(loop.run())
    parts = AdminParts(state, store, directives, gate, learned, repository, guards)
    app = create_admin_app(parts)
    lane = WsgiLane(app, threads=_ADMIN_THREADS)
    server = HttpServer(lane.handle, HttpLimits(max_body_bytes=_ADMIN_BODY_BYTES))
    await server.listen(setup.socket("admin"))
    _log.info("listening", http=setup.settings.admin.http)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ticking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if ticking.done():
        ticking.result()  # a loop that failed ends the process: the launcher starts a new one
    ticking.cancel()
    await server.drain(1.0)


def _listener(learned: LearnedTraffic, guards: GuardWatch) -> Callable[[Report], None]:
    """Make what gives each report of a gateway to the one that it is for."""

    def hear(report: Report) -> None:
        if isinstance(report, GuardReport):
            guards.hear(report)
        else:
            learned.hear(report)

    return hear


def _open_state(setup: ChildSetup) -> StateStore:
    try:
        return StateStore.open(setup.settings.state.database_url, setup.paths.database)
    except StateUnavailable as error:  # the reason is in the log
        raise SystemExit(1) from error


def _kept_snapshot(paths: RuntimePaths) -> SnapshotMessage | None:
    """Read what an earlier controller of this run has published last; None at a first start."""
    try:
        return decode_message(paths.kept_snapshot.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None


def _reader(setup: ChildSetup) -> TritonReader:
    triton = setup.settings.triton
    upstream = Upstream(parse_address(triton.http_url), max_idle=2)
    index = (
        GrpcIndex(parse_address(triton.grpc_url), setup.admin_secret)
        if triton.grpc_url
        else HttpIndex(upstream)
    )
    pid_file = setup.paths.triton_pid if setup.paths.triton_pid.exists() else None
    return TritonReader(upstream, index, StubWatch(), pid_file)


if __name__ == "__main__":
    main()
