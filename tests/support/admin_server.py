"""The admin API in a process of its own, over a real store, with no Triton behind it."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from control.controller.admin.app import AdminParts, create_admin_app
from control.controller.admin.gate import AdminGate
from control.controller.directive_source import DirectiveSource
from control.controller.guards import GuardWatch
from control.controller.loop import ControllerState
from control.http.limits import HttpLimits
from control.http.server import HttpServer
from control.http.wsgi import WsgiLane
from control.identity.jwks_file import JwksFile
from control.identity.jwt_tokens import JwtRules
from control.identity.tokens import mint_token, operator_record
from control.link.events import (
    AdmissionReport,
    BreakerReport,
    CacheReport,
    GuardReport,
    MemoryReport,
    VersionGuards,
)
from control.link.messages import VersionMessage
from control.observability.logs import configure_logs
from control.state.store import StateStore
from tests.support.rollouts import COUNTS, Rollouts, canary, settled
from tests.support.stack import ROOT

_STOP_TIMEOUT_S = 20.0

#: Models whose version 2 is a canary, beside ``m``; nothing is under way of the model ``old``.
CANARIES = ("paused", "weighted", "promoted", "rolled")

#: What the only gateway of this Seawall says of the only version.
REPORT = GuardReport(
    "4711",
    [
        VersionGuards(
            "m",
            1,
            AdmissionReport(8, 3, 1, {"delay": 4, "memory": 2}, 12.5, 2.25, None),
            BreakerReport("open", 62.5, 0.0, 40, 4.2, "failure rate 62.5 %"),
            CacheReport(entries=2, bytes=900, hits=5, misses=7, shared=1),
            MemoryReport(budget_bytes=1000, reserved_bytes=250, used_bytes=None),
        )
    ],
)


class AdminServer:
    """Use as a context manager: it ends what it has started."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "log.jsonl"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.admin_server", str(directory)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        assert self._process.stdout is not None
        told = self._process.stdout.readline().decode().split()
        assert len(told) == 2, self.log.read_text()
        self.address, self.operator_token = told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_STOP_TIMEOUT_S)


async def _serve(directory: Path) -> None:
    operator = mint_token()
    store = StateStore.open("", directory / "seawall.db")
    access = DirectiveSource(store, JwksFile(None), operator_record(operator))
    gate = AdminGate(JwtRules())
    access.on_change(gate.learn)
    await access.load()
    version = VersionMessage("m", 1, True, True, "", b'{"name":"m"}', b'{"name":"m"}')  # noqa: FBT003
    state = ControllerState(triton_up=True, versions=(version,))
    guards = GuardWatch(clock=lambda: 0.0)  # what it has heard stays true
    guards.hear(REPORT)
    rollouts = Rollouts(store, directory / "model_repository")
    for record in (canary("m"), *map(canary, CANARIES), settled("old")):
        rollouts.keep(record)
    rollouts.hear("r-m", COUNTS)
    parts = AdminParts(state, store, access, gate, guards=guards, rollouts=rollouts.desk)
    lane = WsgiLane(create_admin_app(parts), threads=4)
    server = HttpServer(lane.handle, HttpLimits(max_body_bytes=1024 * 1024))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await server.listen(listening)
        print(f"127.0.0.1:{listening.getsockname()[1]} {operator.text}", flush=True)  # noqa: T201
        following = asyncio.create_task(_follow(access))
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        await server.drain(1.0)
    following.cancel()
    store.close()


async def _follow(access: DirectiveSource) -> None:
    while True:
        await access.next()


if __name__ == "__main__":
    configure_logs("controller", level="info", form="json")
    asyncio.run(_serve(Path(sys.argv[1])))
