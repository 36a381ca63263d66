"""A failing canary is stopped by the gateway itself, in the turn in which it has failed."""

import asyncio
import time
from dataclasses import replace

from control.core.judge_counts import CanaryEnd
from control.core.protection import ConcurrencyPolicy, Protection
from control.core.routes import Route
from control.gateway.rollouts.live_canary import LiveCanary
from tests.fakes.fake_triton import Exchange, hang, identity, model_raised, stub_died
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES, upon
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    REROUTED,
    STABLES,
    STRICT,
    Heard,
    Rollout,
    ask,
    calls_of,
    canary_of,
    counts_of,
    ends_of,
    learn_times,
    let_canary_die,
    routed,
    series_of,
    version,
)
from tests.support.polls import eventually


async def start(plane: Plane, count: int) -> list[asyncio.Task[Heard]]:
    """So many requests, each with a value of its own; give them once a canary's call is sent."""
    asking = [asyncio.create_task(ask(plane, float(n))) for n in range(count)]
    await eventually(lambda: calls_of(plane, 2), "a call of the canary is with Triton")
    return asking


async def all_right(asking: list[asyncio.Task[Heard]], *by: tuple[str | None, ...]) -> None:
    """Whether everybody gets the right answer, by one of these."""
    for number, heard in enumerate(await asyncio.gather(*asking)):
        assert (heard.status, heard.values) == (200, [float(number)])
        assert heard.by in by


async def test_a_crash_stops_a_canary_before_stable_has_answered(plane: Plane) -> None:
    """One is enough, and nobody need confirm it."""
    await plane.ready(Rollout().snapshot)
    release = asyncio.Event()
    plane.fake.by_version = {"1": upon(release), "2": stub_died("identity")}
    asking = asyncio.create_task(ask(plane, 5.0))
    await eventually(lambda: canary_of(plane).stopped, "it is stopped")
    assert not asking.done()
    assert canary_of(plane).weight == 0.0
    release.set()
    assert (await asking).by == REROUTED
    assert (await ask(plane)).by == STABLES
    assert calls_of(plane, 2) == 1
    assert series_of(plane, "seawall_canary_stopped_total") == 1
    assert series_of(plane, "seawall_canary_weight_percent") == 0.0


async def test_after_the_deciding_failure_nobody_is_sent_to_the_canary(plane: Plane) -> None:
    """Also not who waited for a place there: stable answers them all."""
    one_at_a_time = Protection(concurrency=ConcurrencyPolicy(fixed=1), retries=NO_RETRIES)
    canary = version(2, protection=one_at_a_time)
    await plane.ready(Rollout(policy=STRICT, canary=canary).snapshot)
    called_when_stopped: list[int] = []
    live = canary_of(plane)
    tell = live._on_stop

    def on_stop(one: LiveCanary) -> None:
        called_when_stopped.append(calls_of(plane, 2))
        tell(one)

    live._on_stop = on_stop
    plane.fake.by_version["2"] = model_raised("identity")
    await all_right(await start(plane, 40), REROUTED, STABLES)
    (seen_when_stopped,) = called_when_stopped
    # One at a time: the one that was on its way is all that may still arrive there.
    assert calls_of(plane, 2) - seen_when_stopped <= 1
    assert calls_of(plane, 2) < 40
    assert counts_of(plane).failures >= 1
    assert plane.gateway.guards.admissions.of(canary).queued == 0
    assert plane.gateway.guards.admissions.of(canary).in_flight == 0


async def test_calls_under_way_are_taken_back(plane: Plane) -> None:
    """Who waits for a canary that has hung need not wait until its time is over."""
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = hang
    started_s = time.monotonic()
    asking = await start(plane, 3)
    await eventually(lambda: calls_of(plane, 2) == 3, "all are with Triton")
    await let_canary_die(plane)
    await all_right(asking, REROUTED)
    assert time.monotonic() - started_s < 5.0
    assert len(canary_of(plane).under_way) == 0
    assert ends_of(plane) == {"crash": 1, "ignored": 3}


async def test_a_canary_stays_stopped_while_the_rollout_has_its_name(plane: Plane) -> None:
    """Whatever weight is still asked for; a new rollout of the same version begins anew."""
    await plane.ready(Rollout().snapshot)
    await let_canary_die(plane)
    for weight in (100.0, 50.0, 100.0):
        await plane.ready(Rollout(weight=weight, shadow=100.0).snapshot)
        assert (await ask(plane)).by == STABLES
    # Triton is away for a moment, and so are its versions.
    plane.gateway.snapshots.accept(replace(Rollout().snapshot, models={}))
    await plane.ready(Rollout().snapshot)
    assert (await ask(plane)).by == STABLES
    await plane.ready(Rollout(name="r2", canary=version(2, ready=False)).snapshot)
    await plane.ready(Rollout(name="r2").snapshot)
    assert (await ask(plane)).by == CANARYS
    assert canary_of(plane).counts.calls == 1


async def test_a_rollout_that_was_ended_takes_its_calls_back(plane: Plane) -> None:
    """Another gateway has stopped it, say; one that was promoted answers what it was asked."""
    release = asyncio.Event()
    plane.fake.by_version["2"] = upon(release)
    await plane.ready(Rollout().snapshot)
    asking = await start(plane, 1)
    both = (version(1), version(2))
    plane.gateway.snapshots.accept(routed(Route(2, frozenset({1, 2})), *both))
    release.set()
    await all_right(asking, CANARYS)
    release.clear()
    plane.fake.seen.clear()
    await plane.ready(Rollout(name="r2").snapshot)
    asking, started_s = await start(plane, 1), time.monotonic()
    plane.gateway.snapshots.accept(routed(Route(1, frozenset({1})), *both))
    await all_right(asking, REROUTED)
    assert time.monotonic() - started_s < 5.0
    assert plane.gateway.canaries.of("identity") is None
    release.set()


async def test_a_death_that_comes_to_light_late_stops_too(plane: Plane) -> None:
    """Also where its caller has been answered by stable long ago."""
    await learn_times(plane)
    await plane.ready(Rollout().snapshot)
    release = asyncio.Event()
    plane.fake.by_version["2"] = upon(release, stub_died("identity"))
    assert (await ask(plane)).by == REROUTED
    assert not canary_of(plane).stopped
    assert len(canary_of(plane).under_way) == 0
    release.set()
    await eventually(lambda: canary_of(plane).stopped, "it is stopped")
    assert (await ask(plane)).by == STABLES


async def test_stables_own_calls_are_what_a_canary_is_held_against(plane: Plane) -> None:
    """But not those that are made because the canary has failed."""
    await plane.ready(Rollout(weight=0.0).snapshot)
    for _ in range(3):
        await ask(plane)
    plane.fake.then(model_raised("identity"))
    await ask(plane)
    assert (counts_of(plane).stable_calls, counts_of(plane).stable_failures) == (4, 1)
    await plane.ready(Rollout().snapshot)
    plane.fake.then(model_raised("identity"))
    assert (await ask(plane)).by == REROUTED
    assert counts_of(plane).stable_calls == 4
    assert counts_of(plane).calls == 1


async def test_a_call_that_waits_for_its_connection_is_taken_back_too(plane: Plane) -> None:
    """Nothing is sent in the turn in which the canary is stopped, or after it."""
    await plane.ready(Rollout().snapshot)
    arrived: list[str] = []

    async def note(exchange: Exchange) -> None:
        arrived.append(exchange.seen.version)
        await identity(exchange)

    plane.fake.by_version = {"1": note, "2": note}
    upstream = plane.gateway.triton.upstream
    connect = upstream._connect
    waits, go_on = asyncio.Event(), asyncio.Event()

    async def slowly():
        connection = await connect()
        waits.set()
        await go_on.wait()
        return connection

    upstream.close()
    upstream._connect = slowly
    asking = asyncio.create_task(ask(plane, 0.0))
    await waits.wait()
    upstream._connect = connect
    go_on.set()  # its task will run next
    canary_of(plane).ended(CanaryEnd.CRASH, 0.1)
    await all_right([asking], REROUTED)
    assert arrived == ["1"]
