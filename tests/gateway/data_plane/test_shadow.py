"""Copies of requests: nobody waits for them, and what comes back is compared."""

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from control.core.canary_policy import CanaryPolicy, ShadowPolicy, Sticky, StickyBy, Tolerance
from control.core.protection import CachePolicy, ConcurrencyPolicy, Protection
from control.gateway.rollouts.courses import MOST_COPIED_BYTES
from control.gateway.rollouts.shadows import MOST_IN_FLIGHT
from tests.contracts.contract_files import compiled
from tests.fakes.fake_triton import (
    Act,
    Exchange,
    answer_with,
    die,
    hang,
    identity,
    model_raised,
    per_request_error,
    refuse,
    stub_died,
)
from tests.gateway.conftest import IDENTITY, value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES, STATIC, upon
from tests.gateway.data_plane.rollout_scene import (
    REROUTED,
    STABLES,
    Rollout,
    ask,
    calls_of,
    canary_of,
    counts_of,
    ends_of,
    series_of,
    version,
)
from tests.support.polls import eventually

COPIED = Rollout(weight=0.0, shadow=100.0)


def shadows_of(plane: Plane) -> dict[str, int]:
    """What became of copies, by the series."""
    names = ("agreed", "disagreed", "failed", "dropped")
    counted = {
        name: int(series_of(plane, "seawall_shadow_answers_total", result=name)) for name in names
    }
    return {name: count for name, count in counted.items() if count}


def answering(value: float) -> Act:
    """Answer with this number, whatever was asked."""
    return answer_with(("OUTPUT0", "FP32", [1, 1], struct.pack("<f", value)))


async def test_a_copy_is_compared_with_stables_answer(plane: Plane) -> None:
    """Its answer goes nowhere else; stable's goes to the client."""
    await plane.ready(COPIED.snapshot)
    heard = await ask(plane, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], STABLES)
    await eventually(lambda: shadows_of(plane) == {"agreed": 1}, "they agree")
    plane.fake.by_version["2"] = answering(4.0)
    heard = await ask(plane, 3.0)
    assert (heard.values, heard.by) == ([3.0], STABLES)
    await eventually(lambda: shadows_of(plane) == {"agreed": 1, "disagreed": 1}, "they do not")
    counts = counts_of(plane)
    assert (counts.agreed, counts.disagreed, counts.calls) == (1, 1, 2)
    assert ends_of(plane) == {"success": 2}


async def test_a_tolerance_is_heeded(plane: Plane) -> None:
    """What the contract calls alike is."""
    policy = CanaryPolicy(comparisons={"OUTPUT0": Tolerance(absolute=0.5)})
    await plane.ready(Rollout(weight=0.0, shadow=100.0, policy=policy).snapshot)
    plane.fake.by_version["2"] = answering(3.4)
    await ask(plane, 3.0)
    await eventually(lambda: shadows_of(plane) == {"agreed": 1}, "they agree")


async def test_a_copy_delays_nobody(plane: Plane) -> None:
    """Clients have their answers while all copies hang; no more are made than a few."""
    await plane.ready(COPIED.snapshot)
    release = asyncio.Event()
    plane.fake.by_version["2"] = upon(release)
    for number in range(MOST_IN_FLIGHT + 3):
        assert (await ask(plane, float(number))).values == [float(number)]
    await eventually(lambda: calls_of(plane, 2) == MOST_IN_FLIGHT, "some copies are made")
    assert shadows_of(plane) == {"dropped": 3}
    assert len(canary_of(plane).under_way) == MOST_IN_FLIGHT
    release.set()
    await eventually(
        lambda: shadows_of(plane) == {"agreed": MOST_IN_FLIGHT, "dropped": 3}, "they come back"
    )
    assert len(canary_of(plane).under_way) == 0


async def test_a_copy_lets_everybody_else_go_first(plane: Plane) -> None:
    """In line for the version, it comes after those that somebody waits for."""
    protection = Protection(concurrency=ConcurrencyPolicy(fixed=1), retries=NO_RETRIES)
    canary = version(2, protection=protection)
    await plane.ready(Rollout(0.0, 100.0, canary=canary).snapshot)
    release, order = asyncio.Event(), list[float]()

    async def note(exchange: Exchange) -> None:
        await release.wait()
        order.append(*struct.unpack("<f", exchange.seen.binary))
        await identity(exchange)

    plane.fake.by_version["2"] = note
    pinned = "/v2/models/identity/versions/2/infer"
    admission = plane.gateway.guards.admissions.of(canary)
    asking = [asyncio.create_task(ask(plane, 1.0, path=pinned))]
    await eventually(lambda: admission.in_flight == 1, "the place is taken")
    await ask(plane, 2.0)
    await eventually(lambda: admission.queued == 1, "the copy waits")
    asking.append(asyncio.create_task(ask(plane, 3.0, path=pinned)))
    await eventually(lambda: admission.queued == 2, "and so does a client")
    release.set()
    await asyncio.gather(*asking)
    await eventually(lambda: order == [1.0, 3.0, 2.0], "the copy comes last")


async def test_a_copy_goes_out_after_stables_answer_has_come(plane: Plane) -> None:
    """The request that somebody waits for comes first."""
    await plane.ready(COPIED.snapshot)
    release = asyncio.Event()
    plane.fake.by_version["1"] = upon(release)
    asking = asyncio.create_task(ask(plane, 3.0))
    await eventually(lambda: calls_of(plane, 1), "stable is asked")
    assert calls_of(plane, 2) == 0
    release.set()
    assert (await asking).values == [3.0]
    await eventually(lambda: calls_of(plane, 2) == 1, "the copy goes out")


@pytest.mark.parametrize(
    ("act", "end"),
    [
        (model_raised("identity"), "failure"),
        (per_request_error(), "failure"),
        (answer_with(), "failure"),
        (stub_died("identity"), "crash"),
        (die, "crash"),
        (refuse(503, "Exceeds maximum queue size"), "ignored"),
    ],
)
async def test_a_failure_of_a_copy_is_held_against_the_canary(
    plane: Plane, act: Act, end: str
) -> None:
    """Stable has answered the same request rightly; clients see nothing."""
    await plane.ready(COPIED.snapshot)
    plane.fake.by_version["2"] = act
    assert (await ask(plane, 3.0)).by == STABLES
    await eventually(lambda: ends_of(plane) == {end: 1}, "it is judged")
    assert shadows_of(plane) == {"dropped" if end == "ignored" else "failed": 1}
    assert bool(canary_of(plane).stopped) == (end == "crash")
    assert (await ask(plane, 3.0)).by == STABLES


async def test_differing_answers_stop_a_canary(plane: Plane) -> None:
    """Where the contract asks for agreement; copies that are under way are taken back."""
    shadow = ShadowPolicy(percent=100.0, min_agreement=0.99)
    await plane.ready(Rollout(0.0, 100.0, CanaryPolicy(shadow=shadow)).snapshot)
    release = asyncio.Event()
    plane.fake.by_version["2"] = answering(4.0)
    for _ in range(50):
        await ask(plane, 3.0)
        await eventually(lambda: not plane.gateway.shadows._tasks, "it is compared")
        if canary_of(plane).stopped:
            break
    assert "answered differently" in canary_of(plane).stopped
    before = calls_of(plane, 2)
    plane.fake.by_version["2"] = upon(release)
    await ask(plane, 3.0)
    assert calls_of(plane, 2) == before


async def test_copies_are_in_no_clients_numbers(plane: Plane, tmp_path: Path) -> None:
    """Neither requests nor breaches of contracts nor latencies count them."""
    rules = compiled(tmp_path, "inputs: {INPUT0: {max: 2}}", IDENTITY)
    await plane.ready(Rollout(0.0, 100.0, canary=version(2, rules=rules)).snapshot)
    await ask(plane, 3.0)
    await eventually(lambda: shadows_of(plane) == {"failed": 1}, "its contract refuses")
    registry = plane.gateway.registry
    labels = {"model": "identity", "version": "2"}
    assert value_of(registry, "seawall_requests_total", outcome="ok", **labels) == 0
    assert value_of(registry, "seawall_request_duration_seconds_count", **labels) == 0
    breaches = {"rule": "max", "mode": "enforce"}
    assert value_of(registry, "seawall_contract_violations_total", **breaches, **labels) == 0
    one = {"model": "identity", "version": "1"}
    assert value_of(registry, "seawall_requests_total", outcome="ok", **one) == 1
    assert value_of(registry, "seawall_in_flight_requests") == 0


async def test_what_cannot_be_compared_is_not_copied(plane: Plane) -> None:
    """Large requests, requests for classes, pinned ones, and those that a fallback has answered."""
    stable = version(1, protection=Protection(fallbacks=(STATIC,), retries=NO_RETRIES))
    await plane.ready(Rollout(0.0, 100.0, stable=stable).snapshot)
    large: Any = [0.5] * (MOST_COPIED_BYTES // 3)
    assert (await ask(plane, *large)).status == 200
    asked = {
        "inputs": [{"name": "INPUT0", "shape": [1, 1], "datatype": "FP32", "data": [1]}],
        "outputs": [{"name": "OUTPUT0", "parameters": {"classification": 1}}],
    }
    path = "/v2/models/identity/infer"
    assert (await plane.ask("POST", path, json.dumps(asked).encode())).status == 200
    await ask(plane, path="/v2/models/identity/versions/1/infer")
    plane.fake.then(model_raised("identity"))
    assert (await ask(plane)).values == [7.0]
    await ask(plane, 5.0)
    await eventually(lambda: shadows_of(plane), "one copy comes back")
    assert shadows_of(plane) == {"agreed": 1}
    assert calls_of(plane, 2) == 1


async def test_a_kept_answer_of_stables_is_good_to_compare_with(plane: Plane) -> None:
    """It was right once, and is."""
    protection = Protection(deterministic=True, cache=CachePolicy(60.0))
    await plane.ready(Rollout(0.0, 100.0, stable=version(1, protection=protection)).snapshot)
    await ask(plane, 3.0)
    await eventually(lambda: shadows_of(plane) == {"agreed": 1}, "they agree")
    heard = await ask(plane, 3.0)
    assert heard.headers["seawall-cache"] == "hit"
    await eventually(lambda: shadows_of(plane) == {"agreed": 2}, "they agree again")


async def test_the_same_share_is_copied_again_and_again(plane: Plane) -> None:
    """Sticky by the key of the track, but by other chance; the canary's track is not copied."""
    policy = CanaryPolicy(sticky=Sticky(StickyBy.HEADER, "x-user"))
    await plane.ready(Rollout(0.0, 50.0, policy).snapshot)
    copied: list[set[int]] = []
    for _ in range(2):
        copied.append(set())
        for user in range(16):
            before = calls_of(plane, 2)
            await ask(plane, x_user=f"u{user}")
            await eventually(lambda: not plane.gateway.shadows._tasks, "it has come back")
            if calls_of(plane, 2) > before:
                copied[-1].add(user)
    assert copied[0] == copied[1]
    assert 0 < len(copied[0]) < 16
    await plane.ready(Rollout(100.0, 100.0, policy, name="r2").snapshot)
    await ask(plane)
    assert calls_of(plane, 2) == 1
    plane.fake.by_version["2"] = model_raised("identity")
    assert (await ask(plane)).by == REROUTED
    assert calls_of(plane, 2) == 2


async def test_a_copy_holds_what_it_was_made_of(plane: Plane) -> None:
    """Later requests on the same connection do not write over it."""
    await plane.ready(COPIED.snapshot)
    got: list[bytes] = []
    release = asyncio.Event()

    async def note(exchange: Exchange) -> None:
        await release.wait()
        got.append(exchange.seen.binary)
        await identity(exchange)

    plane.fake.by_version["2"] = note
    for number in (1.0, 2.0, 3.0):
        await ask(plane, number)
    release.set()
    await eventually(lambda: shadows_of(plane) == {"agreed": 3}, "all agree")
    assert sorted(got) == sorted(struct.pack("<f", number) for number in (1.0, 2.0, 3.0))


async def test_a_gateway_that_ends_gives_its_copies_up(plane: Plane) -> None:
    """They are nobody's loss."""
    await plane.ready(COPIED.snapshot)
    plane.fake.by_version["2"] = hang
    await ask(plane)
    await eventually(lambda: calls_of(plane, 2) == 1, "a copy is under way")
    plane.gateway.shadows.close()
    await eventually(lambda: not plane.gateway.shadows._tasks, "it is given up")
    assert not ends_of(plane)
