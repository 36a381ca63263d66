"""How bytes become requests."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import ControlError, MalformedRequest, TooLarge
from control.http.budget import BodyBudget
from control.http.limits import HttpLimits
from control.http.messages import Request
from control.http.request_reader import RequestReader
from tests.http.conftest import Start
from tests.support.http_client import get, post

BIG = bytes(range(256)) * 1024


class Taken:
    """A reader whose requests are kept."""

    def __init__(self, **limits: int) -> None:
        self.requests: list[tuple[Request, bool]] = []
        self.proceeded = 0
        self.reader = RequestReader(
            HttpLimits(**limits),  # type: ignore[arg-type]
            BodyBudget(2**30),
            lambda request, keep_alive: self.requests.append((request, keep_alive)),
            self._proceed,
        )

    def _proceed(self) -> None:
        self.proceeded += 1

    def feed(self, data: bytes) -> None:
        """Give bytes as the event loop does: as many at once as the buffer takes."""
        while data:
            buffer = self.reader.buffer()
            count = min(len(buffer), len(data))
            buffer[:count] = data[:count]
            self.reader.take(count, 0.0)
            data = data[count:]


@given(
    bodies=st.lists(st.binary(max_size=50) | st.sampled_from([BIG, BIG[:40_000]]), max_size=4),
    cuts=st.lists(st.integers(0, 600_000), max_size=8),
)
def test_segmentation_never_matters(bodies: list[bytes], cuts: list[int]) -> None:
    """However the bytes are cut into segments, the same requests come out."""
    data = b"".join(post(f"/{number}?q", body) for number, body in enumerate(bodies))
    taken = Taken()
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in itertools.pairwise(edges):
        taken.feed(data[start:end])
    got = [(one.path, one.query, bytes(one.body)) for one, _ in taken.requests]
    assert got == [(f"/{number}".encode(), b"q", body) for number, body in enumerate(bodies)]
    assert not taken.reader.reading


@given(st.binary(max_size=300), st.booleans())
def test_garbage_is_refused_and_never_raises_anything_else(data: bytes, after_head: bool) -> None:
    """Whatever comes, it is a request, part of one, or a ControlError."""
    taken = Taken(max_head_bytes=128, max_headers=4, max_body_bytes=64)
    try:
        taken.feed(get("/v2")[:-2] + data if after_head else data)
    except ControlError as error:
        assert error.http_status in {400, 413, 431}  # noqa: PT017 - most of it is no error


def test_a_large_body_is_read_into_its_own_memory() -> None:
    """A body of which much is missing is not copied out of the shared buffer."""
    taken = Taken()
    taken.feed(post("/", BIG)[:1000])
    assert len(taken.reader.buffer()) > len(BIG) - 1000
    taken.feed(post("/", BIG)[1000:])
    ((request, keep_alive),) = taken.requests
    assert isinstance(request.body, memoryview)
    assert bytes(request.body) == BIG
    assert keep_alive


def test_giving_up_a_request_frees_its_body() -> None:
    """Once a request is given up, its memory is not kept for the rest of the connection."""
    taken = Taken()
    taken.feed(post("/", BIG)[:1000])
    before = taken.reader.buffer()
    taken.reader.stop()
    assert not taken.reader.reading
    assert taken.reader.buffer().obj is not before.obj


def test_a_chunked_body_is_joined() -> None:
    """Chunks are one body for the handler."""
    taken = Taken()
    taken.feed(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;ext=1\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
    )
    assert [bytes(one.body) for one, _ in taken.requests] == [b"abcdef"]


def test_trailers_never_become_headers() -> None:
    """A header that comes after the body cannot speak for the request."""
    taken = Taken()
    taken.feed(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\na\r\n0\r\nX-Request-Id: late\r\nContent-Encoding: gzip\r\n\r\n"
    )
    ((request, _),) = taken.requests
    assert set(request.headers) == {b"host", b"transfer-encoding"}


def test_trailers_count_as_headers() -> None:
    """Trailers are no way around the limit on headers."""
    taken = Taken(max_headers=3)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    with pytest.raises(TooLarge) as caught:
        taken.feed(head + b"a: b\r\n" * 3)
    assert caught.value.http_status == 431


@pytest.mark.parametrize("body", [b"", b"body"])
def test_an_offer_of_another_protocol_is_ignored(body: bytes) -> None:
    """Java's HttpClient and curl --http2 offer h2c at first: they get their answer in HTTP/1.1."""
    offer = post("/a", body, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    taken = Taken()
    taken.feed(offer * 50 + get("/b"))
    assert [one.path for one, _ in taken.requests] == [b"/a"] * 50 + [b"/b"]
    assert all(keep_alive for _, keep_alive in taken.requests)
    assert [bytes(one.body) for one, _ in taken.requests][:50] == [body] * 50


def test_the_body_after_an_offer_is_never_another_request() -> None:
    """An offer of another protocol cannot smuggle a request in its body, in any segmentation."""
    inner = get("/smuggled")
    offer = post("/a", inner, "Connection: Upgrade", "Upgrade: h2c")
    chunked = (
        b"POST /c HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    )
    data = offer + chunked + post("/big", BIG, "Connection: Upgrade", "Upgrade: h2c")
    for cut in range(0, len(offer) + len(chunked) + 200, 7):
        taken = Taken()
        taken.feed(data[:cut])
        taken.feed(data[cut:])
        got = [(one.path, bytes(one.body)) for one, _ in taken.requests]
        assert got == [(b"/a", inner), (b"/c", inner), (b"/big", BIG)]


def test_leave_to_proceed_is_given_once_with_an_offer() -> None:
    """The head that is read twice does not answer Expect twice."""
    taken = Taken()
    headers = ("Connection: Upgrade", "Upgrade: h2c", "Expect: 100-continue")
    taken.feed(post("/a", b"body", *headers)[:-4])
    assert taken.proceeded == 1


def test_tunnels_are_refused() -> None:
    """CONNECT asks for a tunnel, which this is not."""
    with pytest.raises(MalformedRequest):
        Taken().feed(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length : 3\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        " folded: 1\r\n",
        "no colon\r\n",
        "na\x00me: 1\r\n",
        "name: a\x00b\r\n",
        "name: a\rb\r\n",
    ],
)
def test_ambiguous_framing_is_refused(lines: str) -> None:
    """What two servers could read in two ways is nobody's request."""
    taken = Taken()
    with pytest.raises(MalformedRequest):
        taken.feed(
            b"POST / HTTP/1.1\r\nHost: a\r\n"
            + lines.encode("latin-1")
            + b"\r\n3\r\nabc\r\n0\r\n\r\n"
        )
    assert taken.requests == []


@pytest.mark.parametrize(
    ("limits", "data", "status"),
    [
        ({"max_headers": 2}, get("/", "a: 1", "b: 2"), 431),
        ({"max_head_bytes": 100}, get("/" + "x" * 100), 431),
        ({"max_head_bytes": 100}, get("/", "a: " + "x" * 100), 431),
        ({"max_body_bytes": 10}, post("/", b"x" * 11), 413),
        ({"max_body_bytes": 10}, post("/", b"x" * 11)[:-11], 413),
        (
            {"max_body_bytes": 10},
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nghijk\r\n",
            413,
        ),
        (
            {"max_body_chunks": 2},
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n",
            400,
        ),
    ],
)
def test_limits_refuse_before_the_rest_is_read(
    limits: dict[str, int], data: bytes, status: int
) -> None:
    """A request beyond a limit is refused at the byte that goes beyond it."""
    taken = Taken(**limits)
    with pytest.raises(ControlError) as caught:
        taken.feed(data)
    assert caught.value.http_status == status
    assert taken.requests == []


def test_repeated_headers_are_joined_in_order() -> None:
    """Two headers of one name become one, so that no reader can pick the other of them."""
    taken = Taken()
    taken.feed(get("/", "X-A: 1", "x-a: 2"))
    assert taken.requests[0][0].headers[b"x-a"] == b"1, 2"


def test_a_length_may_be_as_large_as_the_limit() -> None:
    """The limit itself is allowed."""
    taken = Taken(max_body_bytes=10)
    taken.feed(post("/", b"x" * 10))
    assert bytes(taken.requests[0][0].body) == b"x" * 10


async def test_odd_segments_of_a_large_body_over_a_socket(serve: Start) -> None:
    """A large body in crumbs and lumps arrives as it was sent, and so does what follows it."""
    front = await serve()
    client = await front.connect()
    data = post("/big", BIG) + post("/next", b"x")
    cuts = [1, 30, 60, 75, 90, 100, 40_000, 40_001, 200_000, len(data) - 3, len(data)]
    await client.send(*(data[a:b] for a, b in zip([0, *cuts], cuts, strict=False)))
    assert (await client.reply()).body == b"POST /big " + BIG
    assert (await client.reply()).body == b"POST /next x"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://seawall:8000/v2/health/live", b"/v2/health/live"),
        (b"HTTP://seawall/v2?x=http://y/z", b"/v2"),
        (b"http://seawall", b"/"),
        (b"/http://v2", b"/http://v2"),
    ],
)
def test_a_target_with_its_authority_is_the_path_in_it(target: bytes, path: bytes) -> None:
    """A server must take the absolute form that proxies send."""
    taken = Taken()
    taken.feed(b"GET " + target + b" HTTP/1.1\r\nHost: t\r\n\r\n")
    ((request, _),) = taken.requests
    assert request.path == path
