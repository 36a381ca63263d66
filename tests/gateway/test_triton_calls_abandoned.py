"""Calls that are given up while Triton goes on with them."""

import asyncio
import struct

import pytest

from control.errors import DeadlineExceeded
from control.triton.address import Address
from control.triton.upstream import Upstream, UpstreamAnswer
from tests.fakes.fake_triton import Act, Exchange, FakeTriton, answer_twice, hang, identity
from tests.gateway.conftest import CallsMaker
from tests.gateway.identity_calls import DATA, HEADER, REQUEST, infer
from tests.support.polls import eventually


async def test_an_overrun_call_ends_at_its_deadline(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """A call that Triton does not answer is given up in time, and so is its connection."""
    calls = await make_calls()
    fake.then(hang)
    with pytest.raises(DeadlineExceeded):
        await infer(calls, timeout_s=0.05)
    assert len(calls.upstream._idle) == 0
    assert calls.gate.is_open


class Heir:
    """Hears of a call that was given up."""

    def __init__(self) -> None:
        self.heard: list[UpstreamAnswer | str | None] = []

    def left(self) -> None:
        """Triton goes on."""
        self.heard.append("left")

    def ended(self, answer: UpstreamAnswer | None) -> None:
        """Triton is done."""
        self.heard.append(answer)


def late(release: asyncio.Event) -> Act:
    """Answer with another number, once released."""

    async def act(exchange: Exchange) -> None:
        await release.wait()
        output = ("OUTPUT0", "FP32", [1, 1], struct.pack("<f", 666.0))
        await exchange.send(exchange.infer_reply([output]))

    return act


@pytest.mark.parametrize("heir", [None, Heir()])
async def test_a_late_answer_never_reaches_another_call(
    make_calls: CallsMaker, fake: FakeTriton, heir: Heir | None
) -> None:
    """What Triton answers to a call that was given up belongs to nobody, or to its heir."""
    release = asyncio.Event()
    calls = await make_calls()
    fake.then(late(release))
    with pytest.raises(DeadlineExceeded):
        await infer(calls, timeout_s=0.05, abandoned=heir)
    assert await infer(calls) == DATA
    release.set()
    assert await infer(calls) == DATA
    if heir is not None:
        await eventually(lambda: len(heir.heard) == 2, "the heir has heard of the end")
        said, answer = heir.heard
        assert said == "left"
        assert isinstance(answer, UpstreamAnswer)
        assert answer.status == 200
        assert await infer(calls) == DATA
        assert fake.connections <= 3  # the heir's connection is used again


async def test_a_client_that_left_leaves_its_call_to_the_heir(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """Triton cannot cancel: the heir hears when it is done, also where that is by dying."""
    calls = await make_calls()
    fake.then(hang)
    heir = Heir()
    task = asyncio.create_task(infer(calls, abandoned=heir))
    await eventually(lambda: fake.inferences, "the call is under way")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heir.heard == ["left"]
    await fake.stop()
    await eventually(lambda: len(heir.heard) == 2, "the heir has heard of the end")
    assert heir.heard == ["left", None]


async def test_an_heir_is_not_kept_waiting_for_ever(fake: FakeTriton) -> None:
    """What Triton never answers is over when patience is."""
    upstream = Upstream(Address(unix_path=str(fake.path)), patience_s=0.05)
    fake.then(hang)
    heir = Heir()
    head = upstream.head(b"POST", b"/v2/models/identity/infer", REQUEST.length, b"")
    deadline_s = asyncio.get_running_loop().time() + 0.01
    with pytest.raises(DeadlineExceeded):
        await upstream.call([head, HEADER, DATA], deadline_s, heir)
    await eventually(lambda: len(heir.heard) == 2, "the heir has heard of the end")
    assert heir.heard == ["left", None]


async def test_an_answer_that_nobody_asked_for_reaches_nobody(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """A connection on which Triton answers twice is not used again."""
    calls = await make_calls()
    fake.then(answer_twice, identity)  # both in one segment
    await infer(calls)
    assert await infer(calls) == DATA


async def test_a_client_that_left_takes_its_call_along(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """A cancelled call closes its connection: its answer is nobody's."""
    calls = await make_calls()
    fake.then(hang)
    task = asyncio.create_task(infer(calls))
    await eventually(lambda: fake.inferences, "the call is under way")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await infer(calls) == DATA
