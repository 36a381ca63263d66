"""Nothing that a client sends may cost anybody else an answer, on real Triton."""

import asyncio
import http.client
import json
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.hostile_requests import GOOD, INFER, REFUSED, head, post
from tests.support.clients import SteadyClients, infer_body
from tests.support.clients import post as ask
from tests.support.exchange import exchange
from tests.support.http_client import RawClient, RawReply
from tests.support.stack import TEST_MODELS, Stack, wait_until

pytestmark = pytest.mark.triton

GATEWAY = "control.gateway.process"
MIB = 1024 * 1024

#: What Triton may grow by in this whole file. The bomb alone would leave 1 GiB, the shapes 16 GB.
TRITON_GROWTH_BYTES = 64 * MIB
#: The gateway holds bodies of up to 64 MiB at a time. What leaks here leaks more: each of the tests
#: for it sends 800 MiB.
GATEWAY_GROWTH_BYTES = 256 * MIB


class Guarded:
    """A running Seawall, and what must not change about it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.address = stack.http
        self.port = int(stack.http.rpartition(":")[2])
        self._pids = self._present_pids()
        self._resident = self._present_resident()

    def assert_unharmed(self) -> None:
        """The same processes run, no larger than before, and the model answers."""
        assert self._present_pids() == self._pids
        triton, gateway = self._present_resident()
        assert triton - self._resident[0] < TRITON_GROWTH_BYTES
        assert gateway - self._resident[1] < GATEWAY_GROWTH_BYTES
        status, document = ask(self.address, INFER, infer_body([1.5, 2.5]))
        assert (status, document["outputs"][0]["data"]) == (200, [1.5, 2.5])

    def _present_pids(self) -> tuple[int, int]:
        return self.stack.triton_pid, self.stack.child_pid(GATEWAY)

    def _present_resident(self) -> tuple[int, int]:
        triton, gateway = (resident_bytes(pid) for pid in self._present_pids())
        return triton, gateway


def resident_bytes(pid: int) -> int:
    """The memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


@pytest.fixture(scope="module", params=[True, False], ids=["express", "flask"])
def lane(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    """Each lane, as it is after its first requests."""
    with Stack(TEST_MODELS, {"gateway": {"express_lane": request.param}}) as stack:
        for model in ("identity", "faulty"):
            for _ in range(20):
                ask(stack.http, f"/v2/models/{model}/infer", infer_body([0.0]))
        yield Guarded(stack)


@pytest.fixture
def guarded(lane: Guarded) -> Iterator[Guarded]:
    """A Seawall that the test leaves as it has found it."""
    yield lane
    lane.assert_unharmed()


@asynccontextmanager
async def connection(guarded: Guarded) -> AsyncIterator[RawClient]:
    """A connection of one's own."""
    client = await RawClient.open(guarded.port)
    try:
        yield client
    finally:
        client.abort()


async def is_answered(guarded: Guarded) -> bool:
    """Whether a good request gets its answer now."""
    async with connection(guarded) as client:
        await client.send(post(GOOD))
        return (await client.reply()).status == 200


def assert_refused(reply: RawReply) -> None:
    """The refusal is plain JSON that says why, in Seawall's form, and gives nothing away."""
    assert reply.headers["content-type"] == "application/json"
    document = reply.document
    assert set(document) - {"violations"} == {"error", "code", "request_id"}
    assert document["error"]
    assert document["code"] not in {"internal_error", "model_failed"}
    assert document["request_id"] == reply.headers["x-request-id"]
    assert b"Traceback" not in reply.body
    assert b"site-packages" not in reply.body


@pytest.mark.parametrize("hostile", REFUSED, ids=lambda hostile: hostile.name)
async def test_hostile_requests_are_refused(guarded, hostile):
    """Each is answered with 4xx and a reason, a good request beside it with 200."""
    async with connection(guarded) as client:
        client.send_unread(b"".join(hostile.parts))
        assert await is_answered(guarded)
        reply = await client.reply()
    assert reply.status in hostile.statuses
    assert_refused(reply)


async def test_all_of_them_at_once(guarded):
    """Under all of that together, steady clients get every answer, and the right one."""
    turn = asyncio.Semaphore(32)

    async def send(parts: list[bytes]) -> int:
        async with turn, connection(guarded) as client:
            client.send_unread(b"".join(parts))
            return (await client.reply()).status

    with SteadyClients(guarded.address, 4) as clients:
        statuses = await asyncio.gather(*(send(one.parts) for one in REFUSED))
    assert [status for status in statuses if not 400 <= status < 500] == []
    assert set(clients.tally.statuses) == {"200"}
    assert clients.tally.wrong == []


PARAMETERS = json.dumps({f"p{number}": number for number in range(1000)})

HARMLESS = {
    "blank lines before": b"\r\n\r\n" + post(GOOD),
    "two blanks in the request line": post(GOOD).replace(b"POST /", b"POST  /"),
    "an offer of HTTP/2": post(
        GOOD, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"
    ),
    "an offer of a websocket": post(GOOD, "Connection: Upgrade", "Upgrade: websocket"),
    "bytes beyond ASCII in a header": post(GOOD, "X-Name: Gr\xfc\xdfe"),
    "ninety headers": post(GOOD, *(f"X-{number}: a" for number in range(90))),
    "headers that look like others": post(GOOD, "Content_Length: 5", "X-Content-Length: 5"),
    "a request id of another's": post(GOOD, "X-Request-Id: \xff", "X-Request-Id: b"),
    "hop-by-hop headers": post(GOOD, "Connection: keep-alive, content-length", "TE: trailers"),
    "a path in a header": post(GOOD, "X-Original-URL: /v2/logging", "X-Forwarded-Host: evil"),
    "chunks with extensions": head("Transfer-Encoding: chunked")
    + b'%x;a="b"\r\n%b\r\n0;c\r\n\r\n' % (len(GOOD), GOOD),
    "chunks with trailers": head("Transfer-Encoding: chunked")
    + b"%x\r\n%b\r\n0\r\nX: a\r\nY: b\r\n\r\n" % (len(GOOD), GOOD),
    "a target that names another server": post(GOOD, path=f"http://127.0.0.1:1{INFER}"),
    "a query of 50 kB": post(GOOD, path=f"{INFER}?{'a' * 50_000}"),
    "a megabyte of blanks": post(GOOD + b" " * MIB),
    "a megabyte of unread text": post(GOOD[:-1] + b',"x":"' + b"y" * MIB + b'"}'),
    "a hundred thousand unread keys": post(
        GOOD[:-1] + b',"x":' + json.dumps(dict.fromkeys(map(str, range(100_000)))).encode() + b"}"
    ),
    "a thousand parameters": post(GOOD[:-1] + f',"parameters":{PARAMETERS}}}'.encode()),
    "every header of compression": post(GOOD, "Accept-Encoding: " + "gzip;q=0.1," * 1000),
}


@pytest.mark.parametrize("request_bytes", HARMLESS.values(), ids=HARMLESS)
async def test_odd_requests_that_are_none_the_less_good(guarded, request_bytes):
    """What is merely odd is answered, and the connection lives on."""
    async with connection(guarded) as client:
        for _ in range(2):
            client.send_unread(request_bytes)
            reply = await client.reply()
            assert reply.status == 200
            assert reply.document["outputs"][0]["data"] == [1.0]


# -- too slow, too long, or gone

CHUNKED = head("Transfer-Encoding: chunked")

STALLED = {
    "the request line": b"POST /v2",
    "the head": b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: x\r\nX: ",
    "before the body": head("Content-Length: 1000"),
    "within the body": head("Content-Length: 1000") + b"[" * 500,
    "within a large body": head("Content-Length: 50000000") + b"[" * 100_000,
    "before the first chunk": CHUNKED,
    "within a chunk": CHUNKED + b"400\r\nxxxx",
    "within a chunk of 16 exabytes": CHUNKED + b"ffffffffffffffff\r\nxxxx",
    "before the last chunk": CHUNKED + b"4\r\nxxxx\r\n",
    "within the trailers": CHUNKED + b"4\r\nxxxx\r\n0\r\nX: a",
    "after a whole request": b"".join([post(GOOD), b"POST /v2"]),
}


async def test_clients_that_stall_are_given_up(guarded):
    """Wherever a request stops, it is answered with 408 in the end; others are served meanwhile."""

    async def stall(request: bytes) -> int:
        async with connection(guarded) as client:
            client.send_unread(request)
            reply = await client.reply()
            if request.startswith(post(GOOD)):
                assert reply.status == 200
                reply = await client.reply()
            assert_refused(reply)
            return reply.status

    stalled = asyncio.gather(*(stall(one) for one in STALLED.values()))
    while not stalled.done():
        assert await is_answered(guarded)
        await asyncio.wait([stalled], timeout=0.2)
    assert set(await stalled) == {408}


async def test_clients_that_send_in_drops_are_given_up(guarded):
    """A byte now and then does not keep a request alive for ever."""

    async def drip(start: bytes, drop: bytes) -> int:
        async with connection(guarded) as client:
            client.send_unread(start)
            answering = asyncio.ensure_future(client.reply())
            while not (await asyncio.wait([answering], timeout=0.2))[0]:
                client.send_unread(drop)
            assert_refused(await answering)
            return (await answering).status

    statuses = await asyncio.gather(
        drip(b"POST /v2", b"x"),
        drip(b"POST /v2 HTTP/1.1\r\n", b"X: a\r\n"),
        drip(head("Content-Length: 1000"), b" "),
        drip(CHUNKED, b"1\r\nx\r\n"),
    )
    assert set(statuses) == {408}


async def test_five_hundred_half_open_uploads(guarded):
    """In a crowd of stalled clients patience is short: all get 408, and the good are served."""
    clients = await asyncio.gather(*(RawClient.open(guarded.port) for _ in range(500)))
    try:
        for client in clients:
            client.send_unread(head("Content-Length: 1000") + b"x" * 500)
        replies = asyncio.gather(*(client.reply() for client in clients))
        async with asyncio.timeout(5):  # half of what each would get alone
            while not replies.done():
                assert await is_answered(guarded)
                await asyncio.wait([replies], timeout=0.05)
        assert {reply.status for reply in await replies} == {408}
        assert_refused((await replies)[0])
    finally:
        for client in clients:
            client.abort()


async def test_a_body_without_end(guarded):
    """A client that never stops sending is refused at the limit, in the middle of its body."""
    async with connection(guarded) as client:
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
    assert {ask(guarded.address, path, body)[0] for _ in range(20)} == {status}


@pytest.mark.parametrize(
    ("model", "megabytes", "shape", "status"),
    [("identity", 40, [1, 5], 400), ("faulty", 4, [1, MIB], 500)],
    ids=["it breaks the contract", "the model fails on it"],
)
def test_large_failed_bodies_leave_nothing(guarded, model, megabytes, shape, status):
    """Likewise where the pipeline has begun to look at it, or the model has."""
    data = struct.pack("<f", 1.0) + bytes(megabytes * MIB - 4)
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape}
    tensor["parameters"] = {"binary_data_size": len(data)}
    json_part = json.dumps({"inputs": [tensor]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(json_part))}
    path = f"/v2/models/{model}/infer"
    for _ in range(800 // megabytes):
        answer = exchange(guarded.address, "POST", path, json_part + data, headers)
        assert answer.status == status


@pytest.mark.parametrize("request_bytes", STALLED.values(), ids=STALLED)
async def test_clients_that_end_their_half_early(guarded, request_bytes):
    """A request that cannot become whole any more is dropped; one that was whole is answered."""
    async with connection(guarded) as client:
        client.send_unread(request_bytes)
        client.end_sending()
        got = await client.rest()
    whole = request_bytes.startswith(post(GOOD))
    assert got.startswith(b"HTTP/1.1 200" if whole else b"HTTP/1.1 4") or not (got or whole)


async def test_clients_that_vanish(guarded):
    """Connections reset in the head, the body or the answer leave nothing behind."""
    large = infer_body([0.5] * 200_000)
    for number in range(100):
        for request in (b"POST /v2", head("Content-Length: 1000") + b"x", post(GOOD), post(large)):
            client = await RawClient.open(guarded.port)
            client.send_unread(request[: len(request) - number])
            if number % 2:
                await asyncio.wait([asyncio.ensure_future(client.rest())], timeout=0.001)
            client.abort()
    assert await is_answered(guarded)
    wait_until(
        lambda: guarded.stack.metric("seawall_in_flight_requests") == 0, "nothing is in flight"
    )


async def test_clients_that_never_read_their_answer(guarded):
    """They wait alone: their answers are held back, everybody else's are not."""
    large = post(infer_body([0.5] * 500_000), "Accept-Encoding: identity")
    clients = [await RawClient.open(guarded.port, receive_buffer=4096) for _ in range(8)]
    try:
        for client in clients:
            client.send_unread(large)
        for _ in range(20):
            assert await is_answered(guarded)
    finally:
        for client in clients:
            client.abort()


def test_connections_that_say_nothing(guarded):
    """Idle connections cost nobody anything."""
    idle = [http.client.HTTPConnection(guarded.address, timeout=20) for _ in range(400)]
    try:
        for one in idle:
            one.connect()
        for _ in range(20):
            assert ask(guarded.address, INFER, GOOD)[0] == 200
        for one in idle:
            one.request("POST", INFER, GOOD)
        for one in idle:
            answer = one.getresponse()
            assert answer.status == 200
            answer.read()
    finally:
        for one in idle:
            one.close()


async def test_pipelined_rubbish_comes_after_the_good(guarded):
    """Good requests ahead of a broken one on the same connection get their answers first."""
    async with connection(guarded) as client:
        client.send_unread(post(GOOD) * 10 + b"\xff\xff rubbish\r\n\r\n")
        for _ in range(10):
            assert (await client.reply()).status == 200
        reply = await client.reply()
        assert reply.status == 400
        assert_refused(reply)
        assert await client.rest() == b""
