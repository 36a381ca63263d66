"""Whole requests to versions that are slow, broken, full or gone, through every guard."""

import asyncio
import time
from dataclasses import replace

import pytest

from control.core.protection import (
    BreakerPolicy,
    CachePolicy,
    ConcurrencyPolicy,
    Protection,
)
from tests.fakes.fake_triton import (
    Act,
    hang,
    model_raised,
    per_request_error,
    refuse,
    stub_died,
)
from tests.gateway.conftest import make_view, snapshot_of, value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import (
    NO_RETRIES,
    OTHER,
    PATH,
    STATIC,
    admitted,
    infer,
    protected,
    upon,
    with_other,
)
from tests.support.polls import eventually


async def test_a_client_that_left_the_line_is_not_worked_for(plane: Plane) -> None:
    """Only who waits when a place is free is sent to Triton."""
    if not plane.lanes._express:
        plane.lanes.learn_routes(snapshot_of(protected()))  # Flask's threads cannot be cancelled
    await plane.ready(snapshot_of(protected(concurrency=ConcurrencyPolicy(fixed=1))))
    release = asyncio.Event()
    plane.fake.then(upon(release))
    first = asyncio.create_task(infer(plane, 1.0))
    await eventually(lambda: plane.fake.inferences, "the first is with Triton")
    waiting = [asyncio.create_task(infer(plane, float(n))) for n in (2, 3)]
    queued = lambda: sum(one.queued for one in plane.gateway.guards.admissions.statuses())  # noqa: E731
    await eventually(lambda: queued() == 2, "the others wait")
    waiting[0].cancel()
    release.set()
    assert (await first)[:2] == (200, [1.0])
    assert (await waiting[1])[:2] == (200, [3.0])
    assert len(plane.fake.inferences) == 2
    assert admitted(plane) == 0


async def test_a_failure_is_tried_again_once(plane: Plane) -> None:
    """One exception of the model costs its caller nothing."""
    await plane.ready(snapshot_of(protected()))
    plane.fake.then(model_raised("identity"))
    assert (await infer(plane, 1.0))[:2] == (200, [1.0])
    assert len(plane.fake.inferences) == 2


@pytest.mark.parametrize(
    ("act", "status"),
    [(stub_died("identity"), 503), (per_request_error(), 400), (refuse(400, "bad"), 400)],
)
async def test_suspects_and_client_faults_are_not_tried_again(
    plane: Plane, act: Act, status: int
) -> None:
    """A request that may have killed a process is not given to the next one."""
    await plane.ready(snapshot_of(protected()))
    plane.fake.then(act)
    assert (await infer(plane, 1.0))[0] == status
    assert len(plane.fake.inferences) == 1


BREAKER = BreakerPolicy(sliding_window_size=4, minimum_number_of_calls=4)


async def test_a_model_that_goes_on_failing_rests(plane: Plane) -> None:
    """An open breaker refuses with when to come back, and Triton hears nothing."""
    await plane.ready(snapshot_of(protected(breaker=BREAKER, retries=NO_RETRIES)))
    plane.fake.then(*[model_raised("identity")] * 4)
    for _ in range(4):
        assert (await infer(plane, 1.0))[:2] == (500, "model_failed")
    status, code, headers = await infer(plane, 1.0)
    assert (status, code) == (503, "circuit_open")
    assert int(headers["retry-after"]) >= 1
    assert len(plane.fake.inferences) == 4
    assert not plane.gateway.is_model_ready("identity", None)


async def test_a_probe_is_not_tried_again(plane: Plane) -> None:
    """While a model is being probed, one failed call is enough to send its caller elsewhere."""
    quick = replace(BREAKER, wait_duration_in_open_state_s=0.05)
    await plane.ready(snapshot_of(protected(breaker=quick, fallbacks=(STATIC,))))
    plane.fake.then(*[model_raised("identity")] * 100)
    breaker = plane.gateway.guards.breakers.of(plane.gateway.snapshots.choose("identity", 1))
    while breaker.is_calling_useful():
        await infer(plane, 1.0)
    await eventually(breaker.is_calling_useful, "a probe is let through")
    before = len(plane.fake.inferences)
    assert (await infer(plane, 1.0))[2]["seawall-fallback"] == "static"
    assert len(plane.fake.inferences) == before + 1


async def test_clients_faults_do_not_open_a_breaker(plane: Plane) -> None:
    """Neither what the contract refuses nor what Triton refuses with 400 counts."""
    await plane.ready(snapshot_of(protected(breaker=BREAKER)))
    plane.fake.then(*[per_request_error()] * 8)
    for _ in range(8):
        assert (await infer(plane, 1.0))[0] == 400
        assert (await plane.ask("POST", PATH, b'{"inputs": []}')).status in {400, 422}
    assert (await infer(plane, 1.0))[0] == 200


async def test_impatient_clients_do_not_open_a_breaker(plane: Plane) -> None:
    """A model that never had the time that it usually takes is not to blame."""
    await plane.ready(snapshot_of(protected(breaker=BREAKER, retries=NO_RETRIES)))
    release = asyncio.Event()
    plane.fake.then(*[upon(release)] * 8)
    for _ in range(8):
        assert (await infer(plane, 1.0, x_request_timeout_ms="10"))[0] == 504
    release.set()
    await eventually(lambda: admitted(plane) == 0, "Triton is done")
    assert (await infer(plane, 1.0))[0] == 200


async def test_a_dead_process_is_not_called_again(plane: Plane) -> None:
    """One sign of death opens the breaker, and readiness says so."""
    await plane.ready(snapshot_of(protected()))
    plane.fake.then(stub_died("identity"))
    assert (await infer(plane, 1.0))[:2] == (503, "upstream_unavailable")
    assert (await infer(plane, 1.0))[:2] == (503, "circuit_open")
    assert len(plane.fake.inferences) == 1


async def test_a_static_answer_is_marked_and_checked(plane: Plane) -> None:
    """Its callers see 200, the mark, and the answer that the contract names, a row for each."""
    await plane.ready(snapshot_of(protected(fallbacks=(STATIC,), retries=NO_RETRIES)))
    plane.fake.then(model_raised("identity"))
    status, values, headers = await infer(plane, 1.0)
    assert (status, values) == (200, [7.0])
    assert headers["seawall-degraded"] == "true"
    assert headers["seawall-fallback"] == "static"
    assert "seawall-fallback-by" not in headers
    _, values, headers = await infer(plane, 1.0)
    assert values == [1.0]
    assert "seawall-degraded" not in headers


async def test_a_hung_model_is_stood_in_for_in_time(plane: Plane) -> None:
    """What calls another model gets a part of the time."""
    view = protected(fallbacks=(OTHER,), deadline_s=0.5)
    await plane.ready(with_other(view))
    plane.fake.then(hang)
    started_s = time.monotonic()
    status, values, headers = await infer(plane, 4.0)
    assert (status, values) == (200, [4.0])
    assert headers["seawall-fallback"] == "model"
    assert headers["seawall-fallback-by"] == "other/1"
    assert 0.3 < time.monotonic() - started_s < 5.0


async def test_a_version_that_is_not_ready_is_stood_in_for(plane: Plane) -> None:
    """Nobody has to be called first for that."""
    sick = replace(protected(fallbacks=(OTHER,)), ready=False)
    await plane.ready(with_other(sick))
    status, values, headers = await infer(plane, 4.0)
    assert (status, values, headers["seawall-fallback"]) == (200, [4.0], "model")
    assert [seen.model for seen in plane.fake.inferences] == ["other"]


async def test_who_stands_in_has_a_limit_and_a_breaker_of_its_own(plane: Plane) -> None:
    """Where that one fails too, the caller hears of the model that it asked."""
    view = protected(fallbacks=(OTHER,), retries=NO_RETRIES)
    other = replace(make_view("other"), protection=Protection(breaker=BREAKER, retries=NO_RETRIES))
    await plane.ready(snapshot_of(replace(view, ready=False), other))
    plane.fake.then(*[model_raised("other")] * 4)
    for _ in range(6):
        assert (await infer(plane, 1.0))[:2] == (503, "upstream_unavailable")
    assert len(plane.fake.inferences) == 4
    assert (
        value_of(
            plane.gateway.registry,
            "seawall_fallbacks_total",
            model="identity",
            version="1",
            kind="model",
            result="failed",
        )
        == 6
    )


async def test_identical_requests_share_one_call(plane: Plane) -> None:
    """Each gets the answer; a thousand cost Triton as much as one."""
    view = protected(deterministic=True, cache=CachePolicy(60.0))
    await plane.ready(snapshot_of(view))
    release = asyncio.Event()
    plane.fake.then(upon(release))
    count = 1000 if plane.lanes._express else 4  # as many as Flask has threads here
    asking = [asyncio.create_task(infer(plane, 9.0)) for _ in range(count)]
    await eventually(lambda: plane.fake.inferences, "one is with Triton")
    release.set()
    heard = await asyncio.gather(*asking)
    assert {(status, tuple(values)) for status, values, _ in heard} == {(200, (9.0,))}
    assert len(plane.fake.inferences) == 1
    assert (await infer(plane, 9.0))[2]["seawall-cache"] == "hit"
    assert (await infer(plane, 8.0))[:2] == (200, [8.0])
    assert len(plane.fake.inferences) == 2


async def test_a_late_sign_of_death_opens_the_breaker(plane: Plane) -> None:
    """Also where its caller has gone: the next one must not pay for it."""
    await plane.ready(snapshot_of(protected(retries=NO_RETRIES)))
    release = asyncio.Event()
    plane.fake.then(upon(release, stub_died("identity")))
    assert (await infer(plane, 1.0, x_request_timeout_ms="50"))[0] == 504
    release.set()
    await eventually(lambda: admitted(plane) == 0, "Triton is done")
    assert (await infer(plane, 1.0))[:2] == (503, "circuit_open")
