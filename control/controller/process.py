"""The controller: one process; traffic does not depend on it."""

import argparse
import asyncio
import signal

import uvloop

from control.child import ChildSetup, load_child_setup
from control.contracts.artifacts import ArtifactStore
from control.controller.admin_app import create_admin_app
from control.controller.contract_book import ContractBook
from control.controller.loop import ControllerLoop, ControllerState
from control.controller.triton_reader import TritonReader
from control.http.limits import HttpLimits
from control.http.server import HttpServer
from control.http.wsgi import WsgiLane
from control.link.publisher import SnapshotPublisher
from control.observability.logs import configure_logs, get_logger
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
    state = ControllerState()
    publisher = SnapshotPublisher(setup.paths.link_socket, setup.paths.kept_snapshot)
    await publisher.start()
    book = ContractBook(
        setup.settings.triton.repository, ArtifactStore(setup.paths.artifacts), _Forgetful()
    )
    loop = ControllerLoop(_reader(setup), book, publisher, state)
    ticking = asyncio.create_task(loop.run())
    lane = WsgiLane(create_admin_app(state), threads=_ADMIN_THREADS)
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


class _Forgetful:
    def load_all(self) -> dict[tuple[str, int], bytes]:
        return {}

    def save(self, model: str, version: int, revision: str, document: bytes) -> None:
        """Keep nothing."""

    def remove(self, model: str, version: int) -> None:
        """Keep nothing."""


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
