"""A version that has a tritonserver of its own: what happens to that is nothing to the others."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.core.routes import Route
from tests.fakes.fake_triton import FakeTriton, die, model_raised
from tests.gateway.conftest import value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import upon
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    REROUTED,
    STABLES,
    STRICT,
    Rollout,
    ask,
    calls_of,
    canary_of,
    ends_of,
    routed,
    version,
)
from tests.support.polls import eventually


@pytest.fixture
async def apart(tmp_path: Path) -> AsyncIterator[FakeTriton]:
    """The server of the canary's own."""
    async with FakeTriton(tmp_path / "apart.sock") as triton:
        yield triton


def rollout_in(apart: FakeTriton, **said: Any) -> Rollout:
    """A rollout whose canary is there."""
    return Rollout(canary=version(2, upstream=f"unix:{apart.path}"), **said)


async def test_a_version_is_called_in_its_own_server(plane: Plane, apart: FakeTriton) -> None:
    """The others in the main one, and both at once."""
    await plane.ready(rollout_in(apart).snapshot)
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], CANARYS)
    assert (len(plane.fake.inferences), len(apart.inferences)) == (0, 1)
    heard = await ask(plane, path="/v2/models/identity/versions/2/infer")
    assert (heard.status, len(apart.inferences)) == (200, 2)
    apart.documents["/v2/models/identity/versions/2/stats"] = json.dumps({"mine": 1}).encode()
    stats = await plane.ask("GET", "/v2/models/identity/versions/2/stats")
    assert stats.document == {"mine": 1}


async def test_the_death_of_its_server_is_the_canarys(plane: Plane, apart: FakeTriton) -> None:
    """It is stopped; its caller has stable's answer, and the main server is not suspected."""
    await plane.ready(rollout_in(apart).snapshot)
    apart.by_version["2"] = die
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)
    assert ends_of(plane) == {"crash": 1}
    assert canary_of(plane).stopped
    assert plane.gateway.triton.gate.is_open
    assert value_of(plane.gateway.registry, "seawall_upstream_up") == 1
    assert value_of(plane.gateway.registry, "seawall_replays_total") == 0
    assert len(apart.inferences) == 1


async def test_a_server_that_is_gone_is_held_against_its_version(
    plane: Plane, apart: FakeTriton
) -> None:
    """Nobody else can be to blame, so it is stopped before long; readiness says it at once."""
    await plane.ready(rollout_in(apart, policy=STRICT).snapshot)
    assert (await ask(plane)).by == CANARYS
    await apart.stop()
    for _ in range(20):
        heard = await ask(plane, 3.0)
        assert (heard.status, heard.values) == (200, [3.0])
        if canary_of(plane).stopped:
            break
    assert canary_of(plane).stopped
    assert (await ask(plane)).by == STABLES
    path = "/v2/models/identity/versions/2/ready"
    assert (await plane.ask("GET", path)).status == 400
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 200
    assert (await plane.ask("GET", "/v2/health/ready")).status == 200


async def test_the_main_servers_death_is_not_held_against_a_canary_apart(
    plane: Plane, apart: FakeTriton
) -> None:
    """It goes on answering its share; what it fails on waits for the main one as ever."""
    await plane.ready(rollout_in(apart).snapshot)
    await plane.fake.stop()
    await eventually(lambda: not plane.gateway.triton.gate.is_open, "the death is seen")
    assert (await ask(plane, 3.0)).by == CANARYS
    apart.by_version["2"] = model_raised("identity")
    asking = asyncio.create_task(ask(plane, 3.0))
    await eventually(lambda: len(apart.inferences) == 2, "the canary fails")
    await plane.fake.start()
    heard = await asking
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)


async def test_a_version_moves_into_the_main_server(plane: Plane, apart: FakeTriton) -> None:
    """While it is being promoted: calls under way end where they are, the way there is closed."""
    release = asyncio.Event()
    apart.by_version["2"] = upon(release)
    await plane.ready(rollout_in(apart).snapshot)
    asking = asyncio.create_task(ask(plane, 3.0))
    await eventually(lambda: apart.inferences, "a call is under way")
    plane.gateway.snapshots.accept(Rollout().snapshot)
    assert (await ask(plane, 4.0)).by == CANARYS
    assert calls_of(plane, 2) == 1
    release.set()
    heard = await asking
    assert (heard.status, heard.values, heard.by) == (200, [3.0], CANARYS)
    assert not plane.gateway.servers._others
    await eventually(lambda: not apart._open, "no connection is left there")
    plane.gateway.snapshots.accept(routed(Route(2, frozenset({2})), version(2)))
    assert (await ask(plane)).by == ("stable", "2", None)


async def test_an_address_that_is_none_leaves_the_version_out(plane: Plane) -> None:
    """Nobody is sent nowhere: it is stable's request then."""
    snapshot = Rollout(canary=version(2, upstream="nonsense")).snapshot
    plane.fake.by_version["2"] = model_raised("identity")
    await plane.ready(replace(snapshot, revision=7))
    assert (await ask(plane, 3.0)).values == [3.0]
