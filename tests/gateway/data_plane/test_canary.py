"""Which requests are on the canary's track, and who answers them."""

import asyncio
from dataclasses import replace

import pytest

from control.core.canary_policy import CanaryPolicy, Sticky, StickyBy
from control.core.protection import ConcurrencyPolicy, Protection, QueuePolicy
from control.core.routes import Route
from tests.gateway.conftest import make_view, value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES, PATH, upon
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    STABLES,
    Rollout,
    ask,
    calls_of,
    ends_of,
    routed,
    series_of,
    version,
)
from tests.support.polls import eventually


async def test_the_canary_answers_its_share(plane: Plane) -> None:
    """Its answers say who gave them, and nobody else is asked."""
    await plane.ready(Rollout().snapshot)
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], CANARYS)
    assert (calls_of(plane, 1), calls_of(plane, 2)) == (0, 1)
    assert ends_of(plane) == {"success": 1}
    assert series_of(plane, "seawall_canary_weight_percent") == 100.0
    assert value_of(
        plane.gateway.registry,
        "seawall_requests_total",
        model="identity",
        version="2",
        outcome="ok",
    )


@pytest.mark.parametrize(
    "canary",
    [
        version(2, ready=False),
        replace(make_view(version=2, sequence_batching={"direct": {}})),
        replace(make_view(version=2, model_transaction_policy={"decoupled": True})),
    ],
)
async def test_only_what_can_answer_any_request_is_tried(plane: Plane, canary) -> None:
    """A version that is not ready, or whose requests belong together, gets none of them."""
    await plane.ready(Rollout(canary=canary).snapshot)
    assert (await ask(plane)).by == STABLES
    assert series_of(plane, "seawall_canary_weight_percent") == 0.0


async def test_who_names_a_version_gets_it(plane: Plane) -> None:
    """The track is for those who do not; nothing is judged."""
    await plane.ready(Rollout(weight=0.0).snapshot)
    for number in (1, 2):
        heard = await ask(plane, path=f"/v2/models/identity/versions/{number}/infer")
        assert heard.by == ("stable", str(number), None)
    await plane.ready(Rollout().snapshot)
    heard = await ask(plane, path="/v2/models/identity/versions/1/infer")
    assert heard.by == STABLES
    assert not ends_of(plane)


async def test_stable_is_what_the_route_says(plane: Plane) -> None:
    """The newest version gets nothing unproved; where stable is sick, who is live takes over."""
    await plane.ready(Rollout(weight=0.0).snapshot)
    assert (await ask(plane)).by == STABLES
    route = Route(2, frozenset({1, 2}))
    await plane.ready(routed(route, version(1), version(2, ready=False), version(3)))
    assert (await ask(plane)).by == STABLES
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 200
    await plane.ready(routed(Route(None, frozenset()), version(3)))
    assert (await ask(plane)).status == 503
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 400
    assert (await plane.ask("GET", "/v2/models/identity")).document["versions"] == ["3"]


async def test_one_key_always_takes_one_track(plane: Plane) -> None:
    """By a header of the caller's, however often it asks; the others fall as they fall."""
    policy = CanaryPolicy(sticky=Sticky(StickyBy.HEADER, "x-user"))
    await plane.ready(Rollout(weight=50.0, policy=policy).snapshot)
    tracks = {}
    for _ in range(3):
        for user in range(12):
            heard = await ask(plane, x_user=f"u{user}")
            assert tracks.setdefault(user, heard.by) == heard.by
    assert set(tracks.values()) == {STABLES, CANARYS}
    more = Rollout(weight=80.0, policy=policy).snapshot
    await plane.ready(more)
    for user in range(12):
        if tracks[user] == CANARYS:
            assert (await ask(plane, x_user=f"u{user}")).by == CANARYS


async def test_what_stables_contract_refuses_is_not_tried(plane: Plane) -> None:
    """A request is as good or bad as without a rollout."""
    await plane.ready(Rollout().snapshot)
    bad = b'{"inputs":[{"name":"X","shape":[1],"datatype":"FP32","data":[1]}]}'
    assert (await plane.ask("POST", PATH, bad)).status == 422
    assert (await plane.ask("POST", PATH, b"{")).status == 400
    assert not plane.fake.inferences
    assert not ends_of(plane)


async def test_a_full_stable_does_not_keep_a_request_from_the_canary(plane: Plane) -> None:
    """Who would find no place at stable is not refused before the canary has been asked."""
    one = ConcurrencyPolicy(fixed=1)
    full = Protection(concurrency=one, queue=QueuePolicy(max_queue_size=1), retries=NO_RETRIES)
    policy = CanaryPolicy(sticky=Sticky(StickyBy.HEADER, "x-user"))
    rollout = Rollout(weight=50.0, policy=policy, stable=version(1, protection=full))
    await plane.ready(rollout.snapshot)
    users = {(await ask(plane, x_user=f"u{n}")).by: f"u{n}" for n in range(20)}
    plane.fake.seen.clear()
    release = asyncio.Event()
    plane.fake.by_version["1"] = upon(release)
    asking = [asyncio.create_task(ask(plane, x_user=users[STABLES])) for _ in range(2)]
    admission = plane.gateway.guards.admissions.of(rollout.stable)
    await eventually(lambda: admission.queued == 1, "stable's line is full")
    assert (await ask(plane, x_user=users[STABLES])).status == 503
    assert (await ask(plane, x_user=users[CANARYS])).by == CANARYS
    release.set()
    await asyncio.gather(*asking)
