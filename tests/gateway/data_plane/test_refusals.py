"""What is refused before Triton, and what Triton answers wrongly."""

import json
from typing import Any

import pytest

from tests.fakes.fake_triton import (
    answer_with,
    model_raised,
    refuse,
    send_raw,
    stub_died,
)
from tests.gateway.data_plane.conftest import Plane, json_of


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
    plane.fake.then(act, act)  # it is asked again once
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
    plane.fake.then(*[answer_with(("OUTPUT0", "BYTES", [1, 1], data))] * 2)  # asked again once
    answered = await plane.ask("POST", "/v2/models/texts/generate", b'{"INPUT0": "x"}')
    assert (answered.status, answered.code) == (502, "bad_upstream_answer")
