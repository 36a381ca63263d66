"""Answers without a known end."""

import asyncio
from collections.abc import AsyncGenerator

from control.http.messages import Reply, Request, StreamReply
from tests.http.conftest import Start
from tests.support.http_client import RawClient, get
from tests.support.polls import eventually


class Source:
    """A handler that streams what the test puts in, and knows when nobody listens any longer."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.open = 0
        self.taken = 0

    async def __call__(self, request: Request) -> Reply | StreamReply:
        if request.path != b"/stream":
            return Reply(200, [request.path])
        return StreamReply(200, self._flow(), b"text/plain", [(b"X-Kind", b"stream")])

    async def _flow(self) -> AsyncGenerator[bytes, None]:
        self.open += 1
        try:
            while (part := await self.parts.get()) is not None:
                self.taken += 1
                yield part
        finally:
            self.open -= 1


async def listening(client: RawClient) -> bytes:
    """Ask for the stream and read its head."""
    await client.send(get("/stream"))
    return await client.interim()


async def test_parts_go_out_as_they_come(serve: Start) -> None:
    """Nobody waits for the end; there is no length, and the end is that of the connection."""
    source = Source()
    client = await (await serve(source, linger_s=0.05)).connect()
    head = await listening(client)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nX-Kind: stream\r\n" in head
    assert b"\r\nConnection: close\r\n" in head
    assert b"Content-Length" not in head
    source.parts.put_nowait(b"one\r\n\r\n")
    assert await client.interim() == b"one\r\n\r\n"
    source.parts.put_nowait(b"two")
    source.parts.put_nowait(None)
    assert await client.rest() == b"two"
    assert source.open == 0


async def test_a_listener_that_has_gone_ends_its_stream(serve: Start) -> None:
    """Reset or closed: what produces it is closed at once, without a further part."""
    source = Source()
    front = await serve(source)
    for leave in (RawClient.abort, RawClient.end_sending):
        client = await front.connect()
        await listening(client)
        await eventually(lambda: source.open, "someone listens")
        leave(client)
        await eventually(lambda: not source.open, "the stream is closed")
        await eventually(lambda: not front.server._connections, "the connection is forgotten")


async def test_a_stream_does_not_hold_up_the_end(serve: Start) -> None:
    """Draining cuts it off, long before its patience with requests is over."""
    source = Source()
    front = await serve(source)
    client = await front.connect()
    await listening(client)
    async with asyncio.timeout(5.0):
        await front.server.drain(60.0)
    assert await client.rest() == b""
    await eventually(lambda: not source.open, "the stream is closed")


async def test_a_stream_outlives_the_idle_timeout(serve: Start) -> None:
    """A listener says nothing for hours, and is no idle client."""
    source = Source()
    front = await serve(source, idle_timeout_s=0.05)
    client = await front.connect()
    await listening(client)
    for _ in range(3):
        idle = await front.connect()
        assert await idle.rest() == b""
    source.parts.put_nowait(b"still here\r\n\r\n")
    assert await client.interim() == b"still here\r\n\r\n"


async def test_who_does_not_read_is_not_produced_for(serve: Start) -> None:
    """What is not taken stays with the source, and who takes nothing for long is cut off."""
    source = Source()
    front = await serve(source, write_timeout_s=0.3)
    client = await front.connect(receive_buffer=4096)
    await listening(client)
    for _ in range(1000):
        source.parts.put_nowait(bytes(100_000))
    await eventually(lambda: not source.open, "the listener is cut off")
    assert source.taken < 200


async def test_a_stream_that_fails_is_cut_off(serve: Start, capsys) -> None:
    """The client cannot take it for the end in good order, and the log says why."""

    async def handle(_: Request) -> StreamReply:
        async def flow() -> AsyncGenerator[bytes, None]:
            yield b"one\r\n\r\n"
            message = "no more"
            raise ValueError(message)

        return StreamReply(200, flow(), b"text/plain")

    front = await serve(handle)
    client = await front.connect()
    assert b"200 OK" in await listening(client)
    await client.rest()
    await eventually(lambda: not front.server._connections, "the connection is gone")
    assert "no more" in capsys.readouterr().out
