"""Large bodies that fail leave no memory behind."""

import asyncio
import json
import struct

import pytest

from tests.e2e.hostile.guarded import assert_refused
from tests.e2e.hostile.making import CHUNKED, INFER, MIB
from tests.support.exchange import exchange
from tests.support.http_client import connected

pytestmark = pytest.mark.triton


async def test_a_body_without_end(guarded):
    """A client that never stops sending is refused at the limit, in the middle of its body."""
    async with connected(guarded.address) as client:
        client.send_unread(CHUNKED)
        answering = asyncio.ensure_future(client.reply())
        chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
        for _ in range(200):
            client.send_unread(chunk)
            if (await asyncio.wait([answering], timeout=0.01))[0]:
                break
        reply = await answering
    assert reply.status == 413
    assert_refused(reply)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (INFER, 413),
        ("/v2/models/nobody/infer", 404),
        ("/v2/nowhere", 404),
        ("/v2/models/identity", 405),
        ("/v2/logging", 403),
    ],
)
def test_large_refused_bodies_leave_nothing(guarded, path, status):
    """A refused body is let go at once, not when a garbage collection comes by."""
    body = bytes(40 * MIB)
    assert {exchange(guarded.address, "POST", path, body).status for _ in range(20)} == {status}


@pytest.mark.parametrize(
    ("model", "megabytes", "shape", "status"),
    [("identity", 40, [1, 5], 400), ("faulty", 4, [1, MIB], 500)],
    ids=["it breaks the contract", "the model fails on it"],
)
def test_large_failed_bodies_leave_nothing(guarded, model, megabytes, shape, status):
    """Likewise where the pipeline has begun to look at it, or the model has."""
    order = {"mode": "disabled"}  # else a breaker would soon keep them from the model
    guarded.stack.ask_admin("PUT", f"/models/{model}/breaker", order)
    data = struct.pack("<f", 1.0) + bytes(megabytes * MIB - 4)
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape}
    tensor["parameters"] = {"binary_data_size": len(data)}
    json_part = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(json_part))}
    path = f"/v2/models/{model}/infer"
    for _ in range(800 // megabytes):
        answer = exchange(guarded.address, "POST", path, json_part + data, headers)
        assert answer.status == status
