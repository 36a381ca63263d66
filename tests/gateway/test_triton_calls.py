"""Calls to a Triton that dies, hangs, refuses and comes back."""

import asyncio
import json
import struct

import pytest
from prometheus_client import CollectorRegistry

from control.errors import (
    DeadlineExceeded,
    MalformedRequest,
    ModelFailed,
    Overloaded,
    UpstreamUnavailable,
)
from control.gateway.codec.triton_form import EncodedRequest
from control.gateway.replies_of_triton import ModelUnavailable, StubDied
from control.gateway.triton_calls import TritonCalls
from control.gateway.upstream_gate import HoldLimits
from control.triton.address import Address
from control.triton.upstream import Abandoned, Upstream, UpstreamAnswer
from tests.fakes.fake_triton import (
    Act,
    Exchange,
    FakeTriton,
    answer_twice,
    die,
    die_mid_answer,
    hang,
    identity,
    model_raised,
    per_request_error,
    send_raw,
    stub_died,
    unknown_version,
)
from tests.gateway.conftest import CallsMaker, make_view, value_of
from tests.support.polls import eventually

VIEW = make_view(version=3)
DATA = struct.pack("<2f", 1.0, 2.0)
HEADER = json.dumps(
    {
        "inputs": [
            {
                "name": "INPUT0",
                "shape": [1, 2],
                "datatype": "FP32",
                "parameters": {"binary_data_size": 8},
            }
        ]
    }
).encode()


REQUEST = EncodedRequest(HEADER, [DATA])


async def infer(
    calls: TritonCalls, *, timeout_s: float = 20.0, abandoned: Abandoned | None = None
) -> bytes:
    """Send one inference and give the binary part of its answer."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    answer = await calls.infer(VIEW, REQUEST, deadline_s, abandoned)
    return bytes(answer.body)[int(answer.headers[b"inference-header-content-length"]) :]


async def test_a_call_is_pinned_and_has_a_length(make_calls: CallsMaker, fake: FakeTriton) -> None:
    """Triton gets the version in the path, both lengths, and the bytes as they are."""
    assert await infer(await make_calls()) == DATA
    (seen,) = fake.inferences
    assert seen.path == "/v2/models/identity/versions/3/infer"
    assert seen.headers["inference-header-content-length"] == str(len(HEADER))
    assert seen.body == HEADER + DATA


@pytest.mark.parametrize("death", [die, die_mid_answer, send_raw(b"\x16\x03garbage\r\n\r\n")])
async def test_a_call_lost_on_the_way_is_sent_again(
    make_calls: CallsMaker, fake: FakeTriton, registry: CollectorRegistry, death: object
) -> None:
    """A request whose connection breaks before its whole answer is sent once more."""
    calls = await make_calls()
    fake.then(death, death)  # type: ignore[arg-type]
    assert await infer(calls) == DATA
    assert len(fake.inferences) == 3
    assert value_of(registry, "seawall_replays_total") == 2.0


async def test_a_request_is_sent_again_only_so_often(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """A request under which Triton dies each time may not kill it for ever."""
    calls = await make_calls(max_replays=2)
    fake.then(die, die, die, die)
    with pytest.raises(UpstreamUnavailable):
        await infer(calls)
    assert len(fake.inferences) == 3


async def test_a_dead_triton_is_waited_for(
    make_calls: CallsMaker, fake: FakeTriton, registry: CollectorRegistry
) -> None:
    """Requests that come while nobody listens are held, and all answered when Triton is back."""
    calls = await make_calls()
    await fake.stop()
    waiting = [asyncio.create_task(infer(calls)) for _ in range(20)]
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 20, "all are held")
    assert value_of(registry, "seawall_upstream_up") == 0.0
    await fake.start()
    assert await asyncio.gather(*waiting) == [DATA] * 20
    assert value_of(registry, "seawall_held_requests") == 0.0
    assert value_of(registry, "seawall_upstream_up") == 1.0


async def test_requests_under_way_survive_a_restart(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """What Triton was computing when it died is computed by the next one."""
    calls = await make_calls()
    fake.then(*[hang] * 10)
    waiting = [asyncio.create_task(infer(calls)) for _ in range(10)]
    await eventually(lambda: len(fake.inferences) == 10, "all are under way")
    await fake.stop()
    await fake.start()
    assert await asyncio.gather(*waiting) == [DATA] * 10


async def test_a_triton_that_stays_away_is_not_waited_for_for_ever(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """After the hold time a request is answered with when to try again."""
    await fake.stop()
    calls = await make_calls(opened=False)
    calls.gate.limits = HoldLimits(timeout_s=0.05)
    calls.gate.close("gone")
    with pytest.raises(UpstreamUnavailable) as caught:
        await infer(calls)
    assert caught.value.retry_after_s is not None


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


async def test_a_model_that_is_still_loading_is_waited_for(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """After a restart Triton answers before its models are there: the request waits for its own."""
    calls = await make_calls()
    fake.then(unknown_version("identity", 3), unknown_version("identity", 3))
    assert await infer(calls) == DATA
    assert len(fake.inferences) == 3


async def test_a_model_that_never_loads_is_given_up(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """The wait for a model is bounded by the hold time."""
    calls = await make_calls(opened=True)
    calls.gate.limits = type(calls.gate.limits)(timeout_s=0.15)
    fake.then(*[unknown_version("identity", 3)] * 100)
    with pytest.raises(ModelUnavailable):
        await infer(calls)


async def test_a_dead_stub_is_told_from_other_failures(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """The version whose process died is not asked again at once."""
    calls = await make_calls()
    fake.then(stub_died("identity"))
    with pytest.raises(StubDied):
        await infer(calls)
    assert len(fake.inferences) == 1


@pytest.mark.parametrize(
    ("act", "error"),
    [(model_raised("identity"), ModelFailed), (per_request_error(), MalformedRequest)],
)
async def test_a_refusal_is_not_sent_again(
    make_calls: CallsMaker, fake: FakeTriton, act: object, error: type[Exception]
) -> None:
    """What Triton answered, it would answer again: the client hears it at once."""
    calls = await make_calls()
    fake.then(act)  # type: ignore[arg-type]
    with pytest.raises(error):
        await infer(calls)
    assert len(fake.inferences) == 1
    assert calls.gate.is_open


async def test_an_idle_connection_that_dies_is_looked_into(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """With no traffic at all, Triton's death still closes the gate, and its return opens it."""
    calls = await make_calls()
    await infer(calls)
    await fake.stop()
    await eventually(lambda: not calls.gate.is_open, "the gate is closed")
    await fake.start()
    await eventually(lambda: calls.gate.is_open, "the gate is open")


async def test_a_triton_that_is_up_but_not_live_is_away(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """The gate opens when Triton says that it lives, not when its socket is there."""
    fake.live = False
    calls = await make_calls(opened=False)
    calls.gate.close("starting")
    await eventually(lambda: len(fake.seen) >= 3, "it is probed again and again")
    assert not calls.gate.is_open
    fake.live = True
    await eventually(lambda: calls.gate.is_open, "the gate is open")


async def test_other_requests_are_sent_once(make_calls: CallsMaker, fake: FakeTriton) -> None:
    """Statistics and the like are not worth holding a client for."""
    calls = await make_calls()
    fake.documents["/v2/models/stats"] = b'{"model_stats":[]}'
    answer = await calls.request("GET", "/v2/models/stats")
    assert (answer.status, bytes(answer.body)) == (200, b'{"model_stats":[]}')
    await fake.stop()
    with pytest.raises(UpstreamUnavailable):
        await calls.request("GET", "/v2/models/stats")
    assert not calls.gate.is_open


async def test_too_many_held_requests_are_refused(
    make_calls: CallsMaker, fake: FakeTriton, registry: CollectorRegistry
) -> None:
    """The crowd that waits for Triton has a limit; who comes later hears so at once."""
    calls = await make_calls(max_held=3)
    await fake.stop()
    waiting = [asyncio.create_task(infer(calls)) for _ in range(3)]
    await eventually(lambda: value_of(registry, "seawall_held_requests") == 3, "three are held")
    with pytest.raises(Overloaded) as caught:
        await infer(calls)
    assert caught.value.retry_after_s is not None
    await fake.start()
    assert await asyncio.gather(*waiting) == [DATA] * 3


async def test_holding_never_outlasts_the_deadline(
    make_calls: CallsMaker, fake: FakeTriton
) -> None:
    """A request has its time from first to last byte, waiting for Triton included."""
    calls = await make_calls()
    await fake.stop()
    async with asyncio.timeout(10):
        with pytest.raises(UpstreamUnavailable):
            await infer(calls, timeout_s=0.05)
