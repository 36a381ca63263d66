"""Hostile requests are refused, and cost nobody else an answer, on real Triton."""

import asyncio

import pytest

from tests.e2e.hostile.catalogue import REFUSED
from tests.e2e.hostile.guarded import assert_refused, is_answered
from tests.e2e.hostile.making import GOOD, INFER
from tests.support.clients import SteadyClients
from tests.support.http_client import connected, post

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("hostile", REFUSED, ids=lambda hostile: hostile.name)
async def test_hostile_requests_are_refused(guarded, hostile):
    """Each is answered with 4xx and a reason, a good request beside it with 200."""
    async with connected(guarded.address) as client:
        client.send_unread(b"".join(hostile.parts))
        assert await is_answered(guarded)
        reply = await client.reply()
    assert reply.status in hostile.statuses
    assert_refused(reply)


async def test_all_of_them_at_once(guarded):
    """Under all of that together, steady clients get every answer, and the right one."""
    turn = asyncio.Semaphore(32)

    async def send(parts: list[bytes]) -> int:
        async with turn, connected(guarded.address) as client:
            client.send_unread(b"".join(parts))
            return (await client.reply()).status

    with SteadyClients(guarded.address, 4) as clients:
        statuses = await asyncio.gather(*(send(one.parts) for one in REFUSED))
    assert [status for status in statuses if not 400 <= status < 500] == []
    assert set(clients.tally.statuses) == {"200"}
    assert clients.tally.wrong == []


async def test_pipelined_rubbish_comes_after_the_good(guarded):
    """Good requests ahead of a broken one on the same connection get their answers first."""
    async with connected(guarded.address) as client:
        client.send_unread(post(INFER, GOOD) * 10 + b"\xff\xff rubbish\r\n\r\n")
        for _ in range(10):
            assert (await client.reply()).status == 200
        reply = await client.reply()
        assert reply.status == 400
        assert_refused(reply)
        assert await client.rest() == b""
