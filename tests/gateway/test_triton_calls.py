"""What a call sends to Triton, and what becomes of Triton's failures."""

import pytest
from prometheus_client import CollectorRegistry

from control.errors import MalformedRequest, ModelFailed, UpstreamUnavailable
from control.gateway.replies_of_triton import StubDied
from tests.fakes.fake_triton import (
    FakeTriton,
    die,
    die_mid_answer,
    model_raised,
    per_request_error,
    send_raw,
    stub_died,
)
from tests.gateway.conftest import CallsMaker, value_of
from tests.gateway.identity_calls import DATA, HEADER, infer


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
