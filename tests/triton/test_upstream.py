"""The pool of connections to Triton."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.errors import DeadlineExceeded
from control.triton.address import Address
from control.triton.management import HttpIndex, TritonAway, read_document
from control.triton.upstream import ConnectionLost, ConnectRefused, Upstream
from tests.fakes.fake_triton import FakeTriton, answer_twice, send_raw
from tests.support.polls import eventually

INFER = "/v2/models/m/infer"
REQUEST = b'{"inputs":[{"name":"INPUT0","shape":[0],"datatype":"FP32"}]}'


@pytest.fixture
async def fake(tmp_path: Path) -> object:
    """A scripted Triton."""
    async with FakeTriton(tmp_path / "t.sock") as triton:
        yield triton


def upstream_to(fake: FakeTriton, max_idle: int = 256) -> Upstream:
    """A pool to the fake."""
    return Upstream(Address(unix_path=str(fake.path)), max_idle=max_idle)


async def test_connections_are_used_again_and_bounded(fake: FakeTriton) -> None:
    """Many calls at once open as many connections; afterwards only the allowed number is kept."""
    upstream = upstream_to(fake, max_idle=2)
    for _ in range(3):
        await asyncio.gather(*(upstream.request("GET", "/v2/health/live") for _ in range(5)))
        assert len(upstream._idle) == 2
    assert fake.connections == 5 + 3 + 3
    upstream.close()


@pytest.mark.parametrize("size", [0, 1, 31_000, 33_000, 1_000_000])
async def test_answers_of_every_size_are_whole(fake: FakeTriton, size: int) -> None:
    """Small answers and those read straight into their own memory are alike."""
    upstream = upstream_to(fake)
    fake.documents["/big"] = bytes(range(251)) * (size // 251) + b"x" * (size % 251)
    for _ in range(3):
        answer = await upstream.request("GET", "/big")
        assert bytes(answer.body) == fake.documents["/big"]
    assert fake.connections == 1
    upstream.close()


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"\x00",
    ],
)
async def test_what_is_not_http_is_a_lost_connection(fake: FakeTriton, data: bytes) -> None:
    """An answer that cannot be read is no answer, and its connection is not used again."""
    upstream = upstream_to(fake)
    fake.then(send_raw(data))
    with pytest.raises(ConnectionLost):
        await upstream.request("POST", INFER, body=REQUEST)
    assert not upstream._idle


async def test_chunked_answers_are_joined(fake: FakeTriton) -> None:
    """Triton, or a proxy before it, may answer in chunks."""
    upstream = upstream_to(fake)
    fake.then(
        send_raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        )
    )
    assert bytes((await upstream.request("POST", INFER, body=REQUEST)).body) == b"abc"
    upstream.close()


async def test_a_server_that_wants_to_close_is_not_asked_again(fake: FakeTriton) -> None:
    """Connection: close is respected."""
    upstream = upstream_to(fake)
    fake.then(send_raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
    await upstream.request("POST", INFER, body=REQUEST)
    assert not upstream._idle
    await upstream.request("GET", "/v2/health/live")
    assert fake.connections == 2
    upstream.close()


async def test_an_answer_that_nobody_asked_for_ends_the_connection(fake: FakeTriton) -> None:
    """A connection that says more than it was asked could give one client another's answer."""
    upstream = upstream_to(fake)
    fake.then(answer_twice)
    await upstream.request("POST", INFER, body=REQUEST)
    assert not upstream._idle


async def test_nobody_there_is_told_apart_from_a_lost_answer(tmp_path: Path) -> None:
    """Where nobody listens, nothing was sent."""
    upstream = Upstream(Address(unix_path=str(tmp_path / "nothing.sock")))
    with pytest.raises(ConnectRefused):
        await upstream.request("GET", "/")


@pytest.fixture
def full_address() -> Iterator[Address]:
    """A TCP address that takes no more connections and refuses none: they hang."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)  # noqa: FBT003
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        yield Address(host="127.0.0.1", port=port)
        for one in waiting:
            one.close()


async def test_connecting_is_within_the_deadline_too(full_address: Address) -> None:
    """A host that does not even take the connection does not outlast the request's time."""
    upstream = Upstream(full_address)
    async with asyncio.timeout(20):
        with pytest.raises(DeadlineExceeded):
            await upstream.call([b"x"], asyncio.get_running_loop().time() + 0.1)


async def test_the_loss_of_an_idle_connection_is_reported(fake: FakeTriton) -> None:
    """Triton's death shows on its idle connections; our own closing does not count."""
    lost = 0

    def count() -> None:
        nonlocal lost
        lost += 1

    upstream = upstream_to(fake)
    upstream.on_idle_lost = count
    await upstream.request("GET", "/v2/health/live")
    upstream.close()
    await asyncio.sleep(0)
    assert lost == 0
    await upstream.request("GET", "/v2/health/live")
    await fake.stop()
    await eventually(lambda: lost == 1, "it is reported")


# -- what the controller reads


async def test_a_document_is_read_or_triton_is_away(fake: FakeTriton) -> None:
    """Only a 200 is a document."""
    upstream = upstream_to(fake)
    fake.documents["/v2"] = b'{"name":"triton"}'
    assert await read_document(upstream, "/v2") == b'{"name":"triton"}'
    with pytest.raises(TritonAway, match="404"):
        await read_document(upstream, "/nothing")
    await fake.stop()
    with pytest.raises(TritonAway):
        await read_document(upstream, "/v2")


async def test_the_index_is_read_over_http(fake: FakeTriton) -> None:
    """An external Triton without gRPC tells its models as well."""
    path = "/v2/repository/index"
    fake.documents[path] = b'[{"name":"m","version":"2","state":"READY"},{"name":"bad"}]'
    upstream = upstream_to(fake)
    entries = await HttpIndex(upstream).read()
    assert [(one.model, one.version, one.state) for one in entries] == [
        ("m", 2, "READY"),
        ("bad", 0, ""),
    ]
    upstream.close()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'[{"version":"1"}]', b'[{"name":"m","version":"x"}]']
)
async def test_an_index_that_is_none_means_that_triton_is_away(
    fake: FakeTriton, body: bytes
) -> None:
    """A broken index is no reason for the controller to die."""
    fake.documents["/v2/repository/index"] = body
    upstream = upstream_to(fake)
    with pytest.raises(TritonAway):
        await HttpIndex(upstream).read()
    upstream.close()
