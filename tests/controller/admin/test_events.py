"""``/admin/v1/events``, on the front and without it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from control.controller.admin.events_api import EventsFront
from control.errors import Overloaded
from control.http.limits import HttpLimits
from control.http.server import HttpServer
from control.http.wsgi import WsgiLane
from control.state.audit import Act
from tests.controller.admin.conftest import Admin
from tests.support.http_client import RawClient, get, head
from tests.support.polls import eventually

EVENTS = "/admin/v1/events"
_ACT = Act("test", "test", 0.0)


class Front:
    """The admin API on loopback, as the controller serves it."""

    def __init__(self, admin: Admin, heartbeat_s: float) -> None:
        self.admin = admin
        lane = WsgiLane(admin.app, threads=1)
        self.front = EventsFront(admin.events, admin.gate, lane.handle, heartbeat_s)
        self.server = HttpServer(self.front.handle, HttpLimits())
        self.clients: list[RawClient] = []
        self.address = ""

    async def start(self) -> None:
        """Listen."""
        sock = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{sock.getsockname()[1]}"
        await self.server.listen(sock)

    async def ask(self, request: bytes) -> RawClient:
        """Send a request."""
        client = await RawClient.open(self.address)
        self.clients.append(client)
        await client.send(request)
        return client

    async def listen(self, *headers: str, token: str = "") -> RawClient:
        """Listen, as the operator unless another token is given."""
        shown = f"Authorization: Bearer {token or self.admin.operator}"
        client = await self.ask(get(EVENTS, shown, *headers))
        answer = await client.interim()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        assert b"\r\nContent-Type: text/event-stream; charset=utf-8\r\n" in answer
        assert b"\r\nCache-Control: no-store\r\n" in answer
        return client


@pytest.fixture
async def front(admin: Admin) -> AsyncIterator[Front]:
    """A front whose heart does not beat while a test runs."""
    made = Front(admin, heartbeat_s=600.0)
    await made.start()
    yield made
    for client in made.clients:
        client.abort()
    await made.server.drain(0.0)


async def block(client: RawClient) -> list[str]:
    """The lines of the next event or comment."""
    async with asyncio.timeout(20.0):
        return (await client._reader.readuntil(b"\n\n")).decode().splitlines()[:-1]


async def test_events_come_as_they_happen(front):
    """One block each; who comes back by the id hears what it has missed, and that alone."""
    client = await front.listen()
    assert await block(client) == ["retry: 1000", "id: e-0"]
    front.admin.events.publish("rollout", {"model": "m"})
    assert await block(client) == ["id: e-1", "event: rollout", 'data: {"model": "m"}']
    front.admin.events.publish("rollout", {"model": "n"})
    again = await front.listen("Last-Event-ID: e-1")
    assert await block(again) == ["retry: 1000"]
    for one in (client, again):
        assert await block(one) == ["id: e-2", "event: rollout", 'data: {"model": "n"}']


async def test_a_silent_stream_shows_that_it_lives(front):
    """By a comment, which is no event."""
    front.front._heartbeat_s = 0.02
    client = await front.listen()
    await block(client)
    for _ in range(3):
        assert await block(client) == [": still here"]


async def test_a_listener_takes_no_thread(front):
    """More listeners than threads, and everything else is answered all the same."""
    for _ in range(5):
        await front.listen()
    shown = f"Authorization: Bearer {front.admin.operator}"
    client = await front.ask(get("/admin/v1/status", shown))
    assert (await client.reply()).status == 200


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(None, 401, b"unauthenticated"), ("wrong", 401, b"unauthenticated"),
     ("infer:*", 403, b"forbidden")],
)  # fmt: skip
async def test_listening_needs_the_scope_read(front, token, status, code):
    """As every reading of the admin API, and refused in the same form."""
    if token == "infer:*":
        token = await asyncio.to_thread(front.admin.token_with, "infer:*")
    headers = [f"Authorization: Bearer {token}"] if token else []
    client = await front.ask(get(EVENTS, *headers, "x-request-id: mine"))
    reply = await client.reply()
    assert (reply.status, reply.headers["x-request-id"]) == (status, "mine")
    assert code in reply.body
    assert reply.headers["cache-control"] == "no-store"


async def test_a_revoked_token_hears_no_more(front):
    """Its stream ends before the next event."""
    token = await asyncio.to_thread(front.admin.token_with, "read")
    client = await front.listen(token=token)
    await block(client)
    front.admin.store.tokens.revoke(token.split("_")[1], _ACT)
    await asyncio.to_thread(front.admin.source.take_effect)
    front.admin.events.publish("rollout", {"model": "m"})
    assert await client.rest() == b""


async def test_listeners_are_limited(front, admin):
    """One too many is told to come again, and who leaves makes room."""
    admin.events._most = 2
    first = await front.listen()
    await front.listen()
    await eventually(lambda: len(admin.events._queues) == 2, "both listen")
    client = await front.ask(get(EVENTS, f"Authorization: Bearer {admin.operator}"))
    reply = await client.reply()
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    with pytest.raises(Overloaded):
        admin.events.check_room()
    await first.close()
    await eventually(lambda: len(admin.events._queues) == 1, "one has left")
    await front.listen()


async def test_draining_does_not_wait_for_listeners(front, admin):
    """They are cut off, and come back to the next controller."""
    client = await front.listen()
    await block(client)
    async with asyncio.timeout(5.0):
        await front.server.drain(60.0)
    assert await client.rest() == b""
    await eventually(lambda: not admin.events._queues, "nobody listens any longer")


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 405), ("DELETE", 405), ("HEAD", 200), ("OPTIONS", 405)]
)
async def test_other_methods_are_answered_as_elsewhere(front, admin, method, status):
    """By the application."""
    shown = f"Authorization: Bearer {admin.operator}"
    client = await front.ask(head(method, EVENTS, shown, "Content-Length: 0"))
    assert (await client.reply(with_body=method != "HEAD")).status == status


def test_without_the_front_events_are_told_up_to_now(admin):
    """The answer ends, and by the id that it has told a client goes on from there."""
    first = admin.ask("GET", "/events")
    assert first.content_type == "text/event-stream; charset=utf-8"
    assert first.get_data() == b"retry: 1000\nid: e-0\n\n"
    admin.events.publish("rollout", {"model": "m"})
    answer = admin.ask("GET", "/events", headers={"Last-Event-ID": "e-0"})
    assert answer.get_data() == (
        b'retry: 1000\n\nid: e-1\nevent: rollout\ndata: {"model": "m"}\n\n'
    )
    assert admin.ask("GET", "/events", token="").status_code == 401
