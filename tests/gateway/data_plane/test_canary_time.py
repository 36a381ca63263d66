"""How long requests wait for a canary: stable always has the time to answer them."""

import asyncio
import gzip
import time
from typing import Any

import pytest

from control.core.routes import Route
from control.core.snapshot import VersionView
from tests.fakes.fake_triton import after, hang
from tests.gateway.data_plane.conftest import Plane, json_of
from tests.gateway.data_plane.protected_versions import PATH
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    REROUTED,
    STABLES,
    Rollout,
    ask,
    calls_of,
    canary_of,
    counts_of,
    ends_of,
    learn_times,
    routed,
    version,
)
from tests.support.polls import eventually


async def test_a_hung_canary_leaves_time_for_stable(plane: Plane) -> None:
    """It is judged by what it does afterwards, though."""
    await learn_times(plane)
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = hang
    started_s = time.monotonic()
    heard = await ask(plane, 3.0, x_request_timeout_ms="600")
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)
    assert 0.2 < time.monotonic() - started_s < 0.6
    assert not ends_of(plane)
    await eventually(lambda: ends_of(plane) == {"failure": 1}, "it has had its time")
    assert counts_of(plane).stable_calls == 16, "who asks for its sake is not stable's caller"


async def test_a_hung_canary_is_given_up_long_before_the_deadline(plane: Plane) -> None:
    """Who has waited for it to the end need not ask stable twice."""
    await learn_times(plane)
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = hang
    started_s = time.monotonic()
    assert (await ask(plane)).by == REROUTED
    assert 0.9 < time.monotonic() - started_s < 5.0
    assert ends_of(plane) == {"failure": 1}
    assert calls_of(plane, 1) == 1
    assert len(plane.gateway.left_behind) == 0


async def test_a_canary_that_was_only_slow_has_answered(plane: Plane) -> None:
    """Its caller had no time to wait for it; how long it took is judged."""
    await learn_times(plane)
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = after(0.7)
    assert (await ask(plane, x_request_timeout_ms="500")).by == REROUTED
    await eventually(lambda: ends_of(plane) == {"success": 1}, "it answers")
    assert calls_of(plane, 1) == 1


async def test_who_has_too_little_time_for_both_goes_to_stable(plane: Plane) -> None:
    """Nobody is judged by that; who has more time is tried."""
    await learn_times(plane, after(0.12))
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = after(0.12)
    for _ in range(4):
        assert (await ask(plane, x_request_timeout_ms="200")).by == STABLES
    assert calls_of(plane, 2) == 0
    assert not ends_of(plane)
    assert (await ask(plane, x_request_timeout_ms="2000")).by == CANARYS


async def test_where_nothing_is_known_little_time_is_stables(plane: Plane) -> None:
    """Half of it might be enough for neither."""
    await plane.ready(Rollout().snapshot)
    assert (await ask(plane, x_request_timeout_ms="500")).by == STABLES
    assert (await ask(plane, x_request_timeout_ms="2000")).by == CANARYS


async def test_a_version_that_bakes_gets_what_is_too_little_for_two(plane: Plane) -> None:
    """It is what will be served; as long as it is good, nobody misses the version before."""
    await learn_times(plane, after(0.12))
    await plane.ready(Rollout(is_baking=True).snapshot)
    plane.fake.by_version["2"] = after(0.12)
    for _ in range(4):
        assert (await ask(plane, x_request_timeout_ms="250")).by == CANARYS
    assert calls_of(plane, 1) == 0


async def test_a_version_that_hangs_while_it_bakes_is_found(plane: Plane) -> None:
    """Also where no caller had the time to be answered by the version before."""
    await learn_times(plane, after(0.12))
    await plane.ready(Rollout(is_baking=True).snapshot)
    plane.fake.by_version["2"] = hang
    asking = [ask(plane, float(n), x_request_timeout_ms="250") for n in range(8)]
    assert {heard.status for heard in await asyncio.gather(*asking)} == {504}
    await eventually(lambda: canary_of(plane).stopped, "it is stopped")
    assert (await ask(plane, x_request_timeout_ms="250")).by == STABLES


async def test_a_version_that_bakes_answers_though_the_one_before_has_died(plane: Plane) -> None:
    """There is nobody to compare it with, so its calls are not judged."""
    dead = version(1, ready=False, reason="its Python process has died")
    await plane.ready(Rollout(is_baking=True, stable=dead).snapshot)
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], ("stable", "2", None))
    assert (counts_of(plane).calls, counts_of(plane).stable_calls) == (0, 0)
    await plane.ready(Rollout(is_baking=True).snapshot)
    assert (await ask(plane, 3.0)).by == CANARYS
    await plane.ready(routed(Route(2, frozenset({2})), dead, version(2)))
    assert (await ask(plane, 3.0)).by == ("stable", "2", None)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_check_that_takes_too_long_is_cut_off(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """However few bytes the request has come in."""
    await plane.ready(Rollout().snapshot)
    gate = plane.gateway.pipeline._gates.contract
    check = gate.admit

    async def admit(seen: Any, view: VersionView, *asked: Any) -> Any:
        if view.version == 2:
            await asyncio.sleep(5.0)
        return await check(seen, view, *asked)

    monkeypatch.setattr(gate, "admit", admit)
    body = json_of(*[0.5] * 20_000)
    packing = {"content_encoding": "gzip"} if packed else {}
    sent = gzip.compress(body) if packed else body
    answered = await plane.ask("POST", PATH, sent, x_request_timeout_ms="2000", **packing)
    assert answered.status == 200
    assert answered.headers["seawall-rerouted-from"] == "2"
