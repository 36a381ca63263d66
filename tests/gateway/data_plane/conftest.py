import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control.config import Settings, load_settings
from control.core.snapshot import Snapshot
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.flask_app import create_app
from control.gateway.lanes import Lanes
from control.http.messages import Reply, Request
from control.http.wsgi import WsgiLane
from control.runtime import RuntimePaths
from tests.fakes.fake_triton import FakeTriton
from tests.gateway.conftest import make_view, snapshot_of
from tests.support.answers import Answer, joined
from tests.support.polls import eventually

TEXTS: dict[str, Any] = {
    "input": [{"name": "INPUT0", "data_type": "TYPE_STRING", "dims": [-1]}],
    "output": [{"name": "OUTPUT0", "data_type": "TYPE_STRING", "dims": [-1]}],
}

SNAPSHOT = snapshot_of(
    make_view("identity", 1),
    make_view("identity", 2),
    make_view("identity", 3, ready=False),
    make_view("sick", 1, ready=False),
    make_view("texts", 1, **TEXTS),
    make_view("stream", 1, model_transaction_policy={"decoupled": True}),
)


class Plane:
    """A gateway whose requests are made here."""

    def __init__(
        self, settings: Settings, fake: FakeTriton, tmp_path: Path, *, express: bool
    ) -> None:
        self.fake = fake
        paths = RuntimePaths(tmp_path)
        paths.run.mkdir()
        self.gateway = Gateway(settings, paths)
        app = create_app(self.gateway, Bridge(asyncio.get_running_loop()))
        self.flask = WsgiLane(app, threads=4)
        self.lanes = Lanes(self.gateway.pipeline, self.flask)
        if express:
            self.gateway.snapshots.on_change(self.lanes.learn_routes)
        self.gateway.start()

    async def ready(self, snapshot: Snapshot = SNAPSHOT) -> None:
        """Give the snapshot, and wait until Triton takes calls."""
        self.gateway.snapshots.accept(snapshot)
        await eventually(lambda: self.gateway.triton.gate.is_open, "the gate is open")
        self.fake.seen.clear()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request, as the front would hand it over."""
        named = {k.replace("_", "-").encode(): v.encode("latin-1") for k, v in headers.items()}
        target, _, query = path.encode().partition(b"?")
        request = Request(method.encode(), target, query, named, body)
        return _answer(await self.lanes.handle(request))

    async def infer(self, *values: float, path: str = "/v2/models/identity/infer") -> Answer:
        """One JSON inference."""
        return await self.ask("POST", path, json_of(*values))


def _answer(reply: Reply) -> Answer:
    pairs = [(b"content-type", reply.content_type), *reply.headers]
    headers = joined((name.decode(), value.decode()) for name, value in pairs)
    return Answer(reply.status, headers, b"".join(map(bytes, reply.body)))


def json_of(*values: float) -> bytes:
    """A JSON request with one row."""
    tensor = {"name": "INPUT0", "shape": [1, len(values)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.fixture
def more_settings() -> dict[str, object]:
    """Settings of a test's own: a module may have its own fixture of this name."""
    return {}


@pytest.fixture(params=["express", "flask"])
async def plane(
    request: pytest.FixtureRequest,
    fake: FakeTriton,
    tmp_path: Path,
    more_settings: dict[str, object],
) -> AsyncIterator[Plane]:
    """A running gateway, once with the express lane and once without."""
    flags = {
        "triton.http_url": f"unix:{fake.path}",
        "gateway.timeout_s": 20.0,
        "gateway.hold_timeout_s": 20.0,
        "log.access": "none",
        **more_settings,
    }
    one = Plane(load_settings(None, {}, flags), fake, tmp_path, express=request.param == "express")
    yield one
    helper = one.gateway.heavy._helper
    one.gateway.stop()
    if helper is not None:
        await helper.wait()
    one.gateway.triton.upstream.on_idle_lost = lambda: None
    one.gateway.triton.upstream.close()
    prober = one.gateway.triton.gate._prober
    if prober is not None:
        prober.cancel()
    one.flask._threads.shutdown()
    await asyncio.sleep(0)
