"""Whole requests through a gateway over a scripted Triton, on both lanes."""

import asyncio
import gzip
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control.config import Settings, load_settings
from control.core.snapshot import Snapshot
from control.gateway.assembly import Gateway
from control.gateway.bridge import Bridge
from control.gateway.flask_app import create_app
from control.gateway.heavy_work import HEAVY_BYTES
from control.gateway.lanes import Lanes
from control.http.messages import Reply, Request
from control.http.wsgi import WsgiLane
from control.runtime import RuntimePaths
from tests.fakes.fake_triton import (
    FakeTriton,
    answer_with,
    hang,
    model_raised,
    refuse,
    send_raw,
    stub_died,
)
from tests.gateway.conftest import make_view, snapshot_of, value_of
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
        self.gateway = Gateway(settings, RuntimePaths(tmp_path))
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

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> "Answered":
        """One request, as the front would hand it over."""
        named = {k.replace("_", "-").encode(): v.encode("latin-1") for k, v in headers.items()}
        target, _, query = path.encode().partition(b"?")
        request = Request(method.encode(), target, query, named, body)
        return Answered(await self.lanes.handle(request))

    async def infer(self, *values: float, path: str = "/v2/models/identity/infer") -> "Answered":
        """One JSON inference."""
        return await self.ask("POST", path, json_of(*values))


class Answered:
    """A reply, easy to look at."""

    def __init__(self, reply: Reply) -> None:
        self.status = reply.status
        self.body = b"".join(map(bytes, reply.body))
        self.headers = {k.decode().lower(): v.decode() for k, v in reply.headers}
        self.content_type = reply.content_type

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.document["code"])


def json_of(*values: float) -> bytes:
    """A JSON request with one row."""
    tensor = {"name": "INPUT0", "shape": [1, len(values)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.fixture(params=["express", "flask"])
async def plane(
    request: pytest.FixtureRequest, fake: FakeTriton, tmp_path: Path
) -> AsyncIterator[Plane]:
    """A running gateway, once with the express lane and once without."""
    flags = {
        "triton.http_url": f"unix:{fake.path}",
        "gateway.timeout_s": 20.0,
        "gateway.hold_timeout_s": 20.0,
        "log.access": "none",
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


async def test_a_json_inference_comes_back_as_json(plane: Plane) -> None:
    """Values in, values out, with the version that answered and the request's id."""
    await plane.ready()
    answered = await plane.ask(
        "POST", "/v2/models/identity/infer", json_of(1.5, 2.5), x_request_id="mine"
    )
    assert answered.status == 200
    assert answered.document["outputs"][0]["data"] == [1.5, 2.5]
    assert answered.headers["x-request-id"] == "mine"
    assert answered.headers["seawall-model-version"] == "2"
    assert answered.headers["seawall-track"] == "stable"
    assert plane.fake.inferences[0].path == "/v2/models/identity/versions/2/infer"


async def test_a_pinned_version_is_kept(plane: Plane) -> None:
    """A client that names a version gets that one."""
    await plane.ready()
    answered = await plane.infer(1.0, path="/v2/models/identity/versions/1/infer")
    assert answered.headers["seawall-model-version"] == "1"


async def test_the_clients_json_never_reaches_triton(plane: Plane) -> None:
    """Triton gets binary tensors and our own small header, whatever the client wrote."""
    await plane.ready()
    await plane.infer(1.0)
    (seen,) = plane.fake.inferences
    assert "data" not in seen.document["inputs"][0]
    assert seen.binary == struct.pack("<f", 1.0)


async def test_generate_maps_keys_to_inputs(plane: Plane) -> None:
    """/generate and /generate_stream take and give plain JSON."""
    await plane.ready()
    one = await plane.ask("POST", "/v2/models/texts/generate", b'{"INPUT0": "hi"}')
    assert one.document["OUTPUT0"] == "hi"
    stream = await plane.ask("POST", "/v2/models/texts/generate_stream", b'{"INPUT0": "hi"}')
    assert stream.body.startswith(b"data: {")
    assert stream.content_type.startswith(b"text/event-stream")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v2/models/nobody/infer", json_of(1.0), 404, "model_not_found"),
        ("/v2/models/identity/versions/9/infer", json_of(1.0), 404, "model_not_found"),
        ("/v2/models/identity/versions/x/infer", json_of(1.0), 404, "model_not_found"),
        ("/v2/models/identity/versions/3/infer", json_of(1.0), 503, "upstream_unavailable"),
        ("/v2/models/sick/infer", json_of(1.0), 503, "upstream_unavailable"),
        ("/v2/models/identity/infer", b"{", 400, "malformed_request"),
        (
            "/v2/models/identity/infer",
            json_of(1.0).replace(b"INPUT0", b"OTHER"),
            422,
            "contract_violation",
        ),
        ("/v2/models/stream/infer", json_of(1.0), 501, "not_supported"),
    ],
)
async def test_each_refusal_has_its_status_and_code(
    plane: Plane, path: str, body: bytes, status: int, code: str
) -> None:
    """What is refused is refused before Triton, in the one form of errors, on both lanes."""
    await plane.ready()
    answered = await plane.ask("POST", path, body, x_request_id="mine")
    assert (answered.status, answered.code) == (status, code)
    assert answered.document["request_id"] == answered.headers["x-request-id"] == "mine"
    assert plane.fake.inferences == []


async def test_all_violations_come_in_one_answer(plane: Plane) -> None:
    """A client mends everything at once."""
    await plane.ready()
    tensors = [
        {"name": "INPUT0", "shape": [9, 1], "datatype": "FP32", "data": [1.0] * 9},
        {"name": "Z", "shape": [1], "datatype": "FP32", "data": [1.0]},
    ]
    body = json.dumps({"inputs": tensors}).encode()
    answered = await plane.ask("POST", "/v2/models/identity/infer", body)
    rules = [(one["path"], one["rule"]) for one in answered.document["violations"]]
    assert rules == [("inputs.INPUT0.shape", "batch_size"), ("inputs.Z", "unknown_input")]


@pytest.mark.parametrize(
    ("act", "status", "code"),
    [
        (model_raised("identity"), 500, "model_failed"),
        (stub_died("identity"), 503, "upstream_unavailable"),
        (refuse(400, "no /etc/passwd"), 400, "malformed_request"),
        (refuse(503, "queue full"), 503, "overloaded"),
        (answer_with(), 502, "bad_upstream_answer"),
        (answer_with(("OUTPUT0", "INT64", [1, 1], b"12345678")), 502, "bad_upstream_answer"),
        (answer_with(("OUTPUT0", "FP32", [2, 1], b"12345678")), 502, "bad_upstream_answer"),
        (answer_with(("OUTPUT0", "FP32", [1, 1], b"12345678")), 502, "bad_upstream_answer"),
        (answer_with(("OTHER", "FP32", [1, 1], b"1234")), 502, "bad_upstream_answer"),
        (send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx"), 502, "bad_upstream_answer"),
        (send_raw(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), 404, "model_not_found"),
    ],
)
async def test_what_triton_does_wrong_is_told_as_such(
    plane: Plane, act: Any, status: int, code: str
) -> None:
    """No bad answer goes out as a good one, and no text of Triton's goes out unscrubbed."""
    await plane.ready()
    plane.fake.then(act)
    answered = await plane.infer(1.0)
    assert (answered.status, answered.code) == (status, code)
    assert b"/models/" not in answered.body
    assert b"/etc/" not in answered.body


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x01\0\0\0", b"\x01\0\0\0ab\0\0", b""])
async def test_a_broken_text_tensor_is_refused_either_way(plane: Plane, data: bytes) -> None:
    """Length prefixes must add up, in the client's tensors and in Triton's."""
    await plane.ready()
    tensor = {
        "name": "INPUT0",
        "shape": [1, 1],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(data)},
    }
    header = json.dumps({"inputs": [tensor]}).encode()
    answered = await plane.ask(
        "POST",
        "/v2/models/texts/infer",
        header + data,
        inference_header_content_length=str(len(header)),
    )
    assert (answered.status, answered.code) == (400, "malformed_request")
    plane.fake.then(answer_with(("OUTPUT0", "BYTES", [1, 1], data)))
    answered = await plane.ask("POST", "/v2/models/texts/generate", b'{"INPUT0": "x"}')
    assert (answered.status, answered.code) == (502, "bad_upstream_answer")


async def test_large_json_takes_the_same_way(plane: Plane) -> None:
    """Bodies that are parsed and written beside the loop give the same answers and refusals."""
    await plane.ready()
    values = [float(n) for n in range(HEAVY_BYTES // 4)]
    answered = await plane.infer(*values)
    assert answered.document["outputs"][0]["data"] == values
    refused = await plane.ask("POST", "/v2/models/identity/infer", json_of(*values)[:-1])
    assert (refused.status, refused.code) == (400, "malformed_request")
    wrong = json_of(*values).replace(b"FP32", b"FP99")
    refused = await plane.ask("POST", "/v2/models/identity/infer", wrong)
    assert refused.document["violations"][0]["rule"] == "datatype"


async def test_compressed_both_ways(plane: Plane) -> None:
    """A compressed request is read, and a client that accepts it gets a compressed answer."""
    await plane.ready()
    values = [float(n) for n in range(1000)]
    answered = await plane.ask(
        "POST",
        "/v2/models/identity/infer",
        gzip.compress(json_of(*values)),
        content_encoding="gzip",
        accept_encoding="gzip",
    )
    assert answered.headers["content-encoding"] == "gzip"
    document = json.loads(gzip.decompress(answered.body))
    assert document["outputs"][0]["data"] == values


async def test_a_request_before_the_first_snapshot_waits(plane: Plane) -> None:
    """At the start, requests wait for the controller's first word instead of failing."""
    asking = asyncio.create_task(plane.infer(1.0))
    await eventually(lambda: plane.fake.seen, "Triton is probed")
    assert not asking.done()
    await plane.ready()
    assert (await asking).status == 200


# -- everything else


async def test_health_follows_triton_and_the_snapshot(plane: Plane) -> None:
    """Live at once; ready when Triton and every loaded model are; never ready when it has died."""
    assert (await plane.ask("GET", "/v2/health/live")).status == 200
    assert (await plane.ask("GET", "/v2/health/ready")).status == 400
    await plane.ready(snapshot_of(make_view("identity", 1), make_view("identity", 2)))
    assert (await plane.ask("GET", "/v2/health/ready")).status == 200
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 200
    await plane.ready(snapshot_of(make_view("identity", 1), make_view("sick", 1, ready=False)))
    assert (await plane.ask("GET", "/v2/health/ready")).status == 400
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 200
    assert (await plane.ask("GET", "/v2/models/sick/versions/1/ready")).status == 400
    await plane.fake.stop()
    await eventually(lambda: not plane.gateway.triton.gate.is_open, "the death is seen")
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 400


async def test_a_stub_seen_dead_is_not_ready(plane: Plane) -> None:
    """What one request found out, health and index say to everybody."""
    await plane.ready(snapshot_of(make_view("identity", 1)))
    plane.fake.then(stub_died("identity"))
    assert (await plane.infer(1.0)).status == 503
    assert (await plane.ask("GET", "/v2/health/ready")).status == 400
    (entry,) = (await plane.ask("POST", "/v2/repository/index")).document
    assert entry["state"] == "UNAVAILABLE"


async def test_documents_come_from_the_snapshot(plane: Plane) -> None:
    """Metadata, config and index need no Triton at all."""
    await plane.ready()
    await plane.fake.stop()
    assert (await plane.ask("GET", "/v2")).document == {"name": "t"}
    assert (await plane.ask("GET", "/v2/models/identity")).document["versions"] == ["2"]
    config = await plane.ask("GET", "/v2/models/identity/versions/1/config")
    assert config.document["name"] == "identity"
    assert (await plane.ask("GET", "/v2/models/sick")).document["name"] == "sick"
    assert (await plane.ask("GET", "/v2/models/nobody")).code == "model_not_found"
    index = (await plane.ask("POST", "/v2/repository/index")).document
    assert {(one["name"], one["version"], one["state"]) for one in index} >= {
        ("identity", "2", "READY"),
        ("identity", "3", "UNAVAILABLE"),
    }


async def test_before_the_first_snapshot_documents_are_unavailable(plane: Plane) -> None:
    """What is not known yet is 503, not 404: a client must not take a model for deleted."""
    assert (await plane.ask("GET", "/v2/models/identity")).status == 503
    assert (await plane.ask("GET", "/v2")).status == 503


async def test_statistics_are_tritons(plane: Plane) -> None:
    """Statistics are passed on, for one model or for all."""
    await plane.ready()
    plane.fake.documents["/v2/models/stats"] = b'{"all":1}'
    plane.fake.documents["/v2/models/identity/stats"] = b'{"one":1}'
    assert (await plane.ask("GET", "/v2/models/stats")).document == {"all": 1}
    assert (await plane.ask("GET", "/v2/models/identity/stats")).document == {"one": 1}
    assert (await plane.ask("GET", "/v2/models/nobody/stats")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v2/repository/models/m/load", 403, "forbidden"),
        ("POST", "/v2/repository/models/m/unload", 403, "forbidden"),
        ("POST", "/v2/systemsharedmemory/region/r/register", 403, "forbidden"),
        ("GET", "/v2/cudasharedmemory/status", 403, "forbidden"),
        ("POST", "/v2/logging", 403, "forbidden"),
        ("GET", "/v2/trace/setting", 403, "forbidden"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/v3", 404, "not_found"),
        ("GET", "//v2", 404, "not_found"),
        ("GET", "/v2%2fmodels/identity", 404, "not_found"),
        ("GET", "/v2/models/identity/infer", 405, "method_not_allowed"),
        ("DELETE", "/v2", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_open_is_refused_in_one_form(
    plane: Plane, method: str, path: str, status: int, code: str
) -> None:
    """Forbidden, unknown and misused endpoints answer with the error document."""
    await plane.ready()
    answered = await plane.ask(method, path)
    assert (answered.status, answered.code) == (status, code)
    assert plane.fake.seen == []


# -- what is counted


async def test_every_request_is_counted_once_under_names_that_exist(plane: Plane) -> None:
    """Clients cannot invent labels: what names no model is counted without a name."""
    await plane.ready()
    registry = plane.gateway.registry
    await plane.infer(1.0)
    for number in range(5):
        await plane.infer(1.0, path=f"/v2/models/invented{number}/infer")
        await plane.infer(1.0, path=f"/v2/models/identity/versions/{number + 50}/infer")
    plane.gateway.observer.write_down()
    name = "seawall_requests_total"
    assert value_of(registry, name, model="identity", version="2", outcome="ok") == 1
    assert value_of(registry, name, model="", version="", outcome="model_not_found") == 10
    labels = {
        sample.labels["model"]
        for metric in registry.collect()
        for sample in metric.samples
        if "model" in sample.labels
    }
    assert labels == {"identity", ""}


async def test_a_client_that_left_is_counted_as_that(plane: Plane) -> None:
    """A cancelled request is neither a success nor a failure of ours."""
    if not plane.lanes._express:
        plane.lanes.learn_routes(SNAPSHOT)  # Flask's threads cannot be cancelled
    await plane.ready()
    plane.fake.then(hang)
    asking = asyncio.create_task(plane.infer(1.0))
    await eventually(lambda: plane.fake.inferences, "Triton has it")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    plane.gateway.observer.write_down()
    labels = {"model": "identity", "version": "2", "outcome": "client_gone"}
    assert value_of(plane.gateway.registry, "seawall_requests_total", **labels) == 1


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ümlaut", "tab\t"])
async def test_an_id_that_cannot_stand_in_a_header_is_replaced(plane: Plane, given: str) -> None:
    """Only plain, short ids of clients are echoed; the others get one of ours."""
    await plane.ready()
    answered = await plane.ask(
        "POST", "/v2/models/identity/infer", json_of(1.0), x_request_id=given
    )
    assert answered.headers["x-request-id"] not in ("", given)
