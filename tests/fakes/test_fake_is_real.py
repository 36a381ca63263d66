"""The fake and the real tritonserver behave alike where the fake imitates it."""

import asyncio
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.gateway.replies_of_triton import StubDied, classify_refusal
from control.triton.address import Address
from control.triton.upstream import Upstream, UpstreamAnswer
from tests.fakes.fake_triton import (
    Act,
    FakeTriton,
    answer_with,
    identity,
    model_raised,
    per_request_error,
    stub_died,
    unknown_version,
)
from tests.support.stack import TEST_MODELS, Stack

pytestmark = pytest.mark.triton

#: The faults of ``tests/models/faulty``, by the number that asks for them.
RAISES, DIES, ANSWERS_ERROR, WRONG_TYPE, NOTHING, WRONG_SHAPE = 1.0, 3.0, 7.0, 11.0, 16.0, 19.0


@pytest.fixture(scope="module")
def real_socket() -> Iterator[Path]:
    """The socket of a real Triton with the test models."""
    with Stack(TEST_MODELS) as stack:
        yield stack.triton_socket


def request_bytes(upstream: Upstream, model: str, version: int, values: list[float]) -> list[bytes]:
    """One inference in the form in which the gateway sends it."""
    data = struct.pack(f"<{len(values)}f", *values)
    tensor = {
        "name": "INPUT0",
        "shape": [1, len(values)],
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(data)},
    }
    document = {"inputs": [tensor], "id": "id-1", "parameters": {"binary_data_output": True}}
    header = json.dumps(document).encode()
    extra = b"Inference-Header-Content-Length: %d\r\n" % len(header)
    path = f"/v2/models/{model}/versions/{version}/infer".encode()
    return [upstream.head(b"POST", path, len(header) + len(data), extra), header, data]


async def ask(socket: Path, model: str, version: int, values: list[float]) -> UpstreamAnswer:
    """Send one inference."""
    upstream = Upstream(Address(unix_path=str(socket)))
    async with asyncio.timeout(60):
        answer = await upstream.call(request_bytes(upstream, model, version, values))
    upstream.close()
    return answer


def comparable(answer: UpstreamAnswer) -> object:
    """What must be alike: status, documents, binary part; frames and paths may differ."""
    body = bytes(answer.body)
    if answer.status != 200:
        error = classify_refusal(answer.status, body)
        return answer.status, type(error).__name__, error.message, sorted(json.loads(body))
    length = int(answer.headers.get(b"inference-header-content-length", len(body)))
    kinds = answer.headers[b"content-type"]
    return json.loads(body[:length]), body[length:], kinds


def fp32(*values: float) -> bytes:
    """Little-endian FP32."""
    return struct.pack(f"<{len(values)}f", *values)


async def test_the_real_frames_hold_paths_that_are_scrubbed(real_socket: Path) -> None:
    """A model that raises shows its frames to Triton, and Seawall shows them to nobody."""
    answer = await ask(real_socket, "faulty", 1, [RAISES, 0.0])
    assert re.search(r"model\.py", bytes(answer.body).decode())
    assert "model.py" not in classify_refusal(answer.status, bytes(answer.body)).message


async def test_both_are_live(real_socket: Path, tmp_path: Path) -> None:
    """The health endpoint of both says 200 with no body."""
    async with FakeTriton(tmp_path / "fake.sock") as fake:
        for socket in (fake.path, real_socket):
            upstream = Upstream(Address(unix_path=str(socket)))
            answer = await upstream.request("GET", "/v2/health/live")
            assert (answer.status, bytes(answer.body)) == (200, b"")
            upstream.close()


async def test_both_keep_a_connection(real_socket: Path, tmp_path: Path) -> None:
    """Many calls go over one connection, refused ones too."""
    async with FakeTriton(tmp_path / "fake.sock") as fake:
        fake.then(identity, unknown_version("identity", 9), identity)
        for socket in (fake.path, real_socket):
            upstream = Upstream(Address(unix_path=str(socket)))
            for version in (1, 9, 1):
                await upstream.call(request_bytes(upstream, "identity", version, [1.0]))
                assert len(upstream._idle) == 1
            upstream.close()
        assert fake.connections == 1


@pytest.mark.parametrize(
    ("act", "model", "version", "values"),
    [
        (identity, "identity", 1, [1.0, -2.5, 3.0]),
        (identity, "identity", 1, [float("nan"), float("inf")]),
        (identity, "identity", 1, []),
        (unknown_version("identity", 9), "identity", 9, [1.0]),
        (model_raised("faulty"), "faulty", 1, [RAISES, 0.0]),
        (per_request_error(), "faulty", 1, [ANSWERS_ERROR, 0.0]),
        (answer_with(), "faulty", 1, [NOTHING, 0.0]),
        (
            answer_with(("OUTPUT0", "INT64", [1, 2], struct.pack("<2q", 11, 0))),
            "faulty",
            1,
            [WRONG_TYPE, 0.0],
        ),
        (
            answer_with(("OUTPUT0", "FP32", [7, 3], fp32(*[1.0] * 21))),
            "faulty",
            1,
            [WRONG_SHAPE, 0.0],
        ),
        (stub_died("faulty"), "faulty", 1, [DIES, 0.0]),  # the last: dead it stays
    ],
)
async def test_the_fake_answers_as_the_real_one(
    real_socket: Path, tmp_path: Path, act: Act, model: str, version: int, values: list[float]
) -> None:
    """The same request gets the same answer from both."""
    async with FakeTriton(tmp_path / "fake.sock") as fake:
        fake.then(act)
        imitated = await ask(fake.path, model, version, values)
    real = await ask(real_socket, model, version, values)
    assert comparable(imitated) == comparable(real)


async def test_a_death_is_told_by_the_config_of_the_model(real_socket: Path) -> None:
    """A real one names the instance by a group that stands there, and in no other model's."""
    answer = await ask(real_socket, "faulty", 1, [DIES, 0.0])
    upstream = Upstream(Address(unix_path=str(real_socket)))
    configs = [
        bytes((await upstream.request("GET", f"/v2/models/{model}/config")).body)
        for model in ("faulty", "identity")
    ]
    upstream.close()
    own, others = [classify_refusal(answer.status, bytes(answer.body), one) for one in configs]
    assert isinstance(own, StubDied)
    assert not isinstance(others, StubDied)
