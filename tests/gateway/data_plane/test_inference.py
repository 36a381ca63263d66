"""Whole inferences through a gateway over a scripted Triton, on both lanes."""

import asyncio
import gzip
import json
import struct

from control.gateway.heavy_work import HEAVY_BYTES
from tests.gateway.data_plane.conftest import Plane, json_of
from tests.support.polls import eventually


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
    assert stream.headers["content-type"].startswith("text/event-stream")


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
