"""A canary that fails, hangs, dies or is full: its callers get stable's answer all the same."""

import asyncio
import struct
from pathlib import Path

import pytest

from control.core.protection import (
    BreakerPolicy,
    CachePolicy,
    ConcurrencyPolicy,
    Protection,
    QueuePolicy,
)
from tests.contracts.contract_files import compiled
from tests.fakes.fake_triton import (
    Act,
    answer_with,
    die,
    die_mid_answer,
    model_raised,
    per_request_error,
    refuse,
    send_raw,
    stub_died,
    unknown_version,
)
from tests.gateway.conftest import IDENTITY, make_view, value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES, OTHER, STATIC
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    REROUTED,
    Rollout,
    ask,
    calls_of,
    counts_of,
    ends_of,
    series_of,
    version,
)
from tests.support.polls import eventually

ONE = struct.pack("<f", 1.0)
FULL = refuse(503, "[request id: <id_unknown>] Exceeds maximum queue size")
#: What a canary may do instead of an answer, and what it says of it.
CAUSES: dict[str, tuple[Act, str]] = {
    "raises": (model_raised("identity"), "failure"),
    "answers this one request with an error": (per_request_error(), "failure"),
    "is not loaded": (unknown_version("identity", 2), "ignored"),
    "gives no output": (answer_with(), "failure"),
    "gives another output": (answer_with(("OTHER", "FP32", [1, 1], ONE)), "failure"),
    "gives another shape": (answer_with(("OUTPUT0", "FP32", [7, 1], ONE * 7)), "failure"),
    "has lost its process": (stub_died("identity"), "crash"),
    "takes the server along": (die, "crash"),
    "takes the server along in mid-answer": (die_mid_answer, "crash"),
    "is no HTTP": (send_raw(b"\x16\x03garbage\r\n\r\n"), "crash"),
    "has a full queue": (FULL, "ignored"),
    "is refused by Triton": (refuse(501, "not supported"), "failure"),
}


@pytest.mark.parametrize("cause", CAUSES)
async def test_whatever_a_canary_does_its_caller_gets_stables_answer(
    plane: Plane, cause: str
) -> None:
    """The answer is stable's, marked; the canary was called once."""
    act, end = CAUSES[cause]
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = act
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)
    assert (calls_of(plane, 1), calls_of(plane, 2)) == (1, 1)
    assert ends_of(plane) == {end: 1}
    assert series_of(plane, "seawall_canary_rerouted_total") == 1
    requests = "seawall_requests_total"
    one = {"model": "identity", "version": "1", "outcome": "ok"}
    assert value_of(plane.gateway.registry, requests, **one) == 1


async def test_what_stable_fails_on_too_is_not_held_against_a_canary(plane: Plane) -> None:
    """The caller hears what stable says; whose fault it was is not known."""
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = plane.fake.by_version["1"] = model_raised("identity")
    heard = await ask(plane)
    assert (heard.status, heard.values) == (500, "model_failed")
    assert ends_of(plane) == {"unconfirmed": 1}
    assert counts_of(plane).failures == 0


async def test_a_stand_in_for_stable_confirms_nothing(plane: Plane) -> None:
    """Where stable's fallback answers, stable has failed too."""
    stable = version(1, protection=Protection(fallbacks=(STATIC,), retries=NO_RETRIES))
    await plane.ready(Rollout(stable=stable).snapshot)
    plane.fake.by_version["2"] = plane.fake.by_version["1"] = model_raised("identity")
    heard = await ask(plane)
    assert (heard.status, heard.values, heard.by) == (200, [7.0], REROUTED)
    assert heard.headers["seawall-fallback"] == "static"
    assert ends_of(plane) == {"unconfirmed": 1}


async def test_a_canary_is_called_once_whatever_its_contract_allows(plane: Plane) -> None:
    """Neither its retries nor its fallbacks hide what it does."""
    canary = version(2, protection=Protection(fallbacks=(STATIC,), deterministic=True))
    await plane.ready(Rollout(canary=canary).snapshot)
    plane.fake.by_version["2"] = model_raised("identity")
    for _ in range(2):
        assert (await ask(plane)).by == REROUTED
    assert calls_of(plane, 2) == 2


async def test_a_canary_with_an_open_breaker_is_left_alone(plane: Plane) -> None:
    """Its callers lose nothing by that, and it is not held against it twice."""
    breaker = BreakerPolicy(sliding_window_size=2, minimum_number_of_calls=2)
    canary = version(2, protection=Protection(breaker=breaker, retries=NO_RETRIES))
    await plane.ready(Rollout(canary=canary).snapshot)
    plane.fake.by_version["2"] = model_raised("identity")
    for _ in range(5):
        assert (await ask(plane)).by == REROUTED
    assert calls_of(plane, 2) == 2
    assert ends_of(plane) == {"failure": 2, "ignored": 3}


async def test_a_full_canary_gives_its_requests_to_stable(plane: Plane) -> None:
    """Its own limit and queue hold; overload is nobody's fault."""
    protection = Protection(
        concurrency=ConcurrencyPolicy(fixed=1),
        queue=QueuePolicy(max_queue_size=1),
        retries=NO_RETRIES,
    )
    await plane.ready(Rollout(canary=version(2, protection=protection)).snapshot)
    release = asyncio.Event()

    async def slow(exchange) -> None:
        await release.wait()
        await model_raised("identity")(exchange)

    plane.fake.by_version["2"] = slow
    asking = [asyncio.create_task(ask(plane, float(n))) for n in range(4)]
    await eventually(lambda: calls_of(plane, 1) == 2, "two were given to stable")
    release.set()
    heard = await asyncio.gather(*asking)
    assert [(one.status, one.values) for one in heard] == [(200, [float(n)]) for n in range(4)]
    assert ends_of(plane)["ignored"] == 2


async def test_a_canary_whose_contract_refuses_what_stable_takes_has_failed(
    plane: Plane, tmp_path: Path
) -> None:
    """Its own contract holds for it, and is judged with it."""
    rules = compiled(tmp_path, "inputs: {INPUT0: {max: 2}}", IDENTITY)
    await plane.ready(Rollout(canary=version(2, rules=rules)).snapshot)
    assert (await ask(plane, 1.0)).by == CANARYS
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)
    assert ends_of(plane) == {"success": 1, "failure": 1}
    strict = compiled(tmp_path, "outputs: {OUTPUT0: {max: 2}}", IDENTITY)
    await plane.ready(Rollout(name="r2", canary=version(2, rules=strict)).snapshot)
    assert (await ask(plane, 3.0)).by == REROUTED
    assert ends_of(plane) == {"success": 1, "failure": 2}


async def test_another_model_may_still_stand_in_for_stable(plane: Plane) -> None:
    """After the canary has failed, everything is as without it."""
    protection = Protection(fallbacks=(OTHER,), retries=NO_RETRIES)
    stable = version(1, protection=protection)
    await plane.ready(Rollout(stable=stable, others=(make_view("other"),)).snapshot)
    plane.fake.then(model_raised("identity"), model_raised("identity"))
    heard = await ask(plane, 4.0)
    assert (heard.status, heard.values) == (200, [4.0])
    assert heard.headers["seawall-fallback-by"] == "other/1"


async def test_times_are_of_who_answered(plane: Plane) -> None:
    """Where the canary's answer was wrong and stable's is kept, no time of Triton's is stable's."""
    protection = Protection(deterministic=True, cache=CachePolicy(60.0))
    stable = version(1, protection=protection)
    await plane.ready(Rollout(weight=0.0, stable=stable).snapshot)
    await ask(plane, 3.0)
    await plane.ready(Rollout(stable=stable).snapshot)
    plane.fake.by_version["2"] = answer_with()
    heard = await ask(plane, 3.0)
    assert (heard.by, heard.headers["seawall-cache"]) == (REROUTED, "hit")
    plane.gateway.write_down()
    registry, labels = plane.gateway.registry, {"model": "identity", "version": "1"}
    assert value_of(registry, "seawall_request_duration_seconds_count", **labels) == 2
    assert value_of(registry, "seawall_upstream_duration_seconds_count", **labels) == 1
