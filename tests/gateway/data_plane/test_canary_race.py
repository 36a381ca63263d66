"""A canary that takes long: stable is asked beside it, and the first right answer is given."""

import asyncio
import time

import pytest

from tests.fakes.fake_triton import Act, after, hang, model_raised
from tests.gateway.conftest import value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import admitted, upon
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    REROUTED,
    Rollout,
    ask,
    calls_of,
    canary_of,
    counts_of,
    ends_of,
    series_of,
    try_out,
)
from tests.support.polls import eventually

#: Stable is asked after a second, beside a version that answers at once as a rule.
SLOW_S = 1.3


@pytest.fixture
async def trying(plane: Plane) -> Plane:
    """A gateway in a rollout."""
    return await try_out(plane)


async def places_are_free(plane: Plane) -> None:
    """Whether nothing is held any more, once Triton is done with what it was asked."""
    await eventually(lambda: admitted(plane) == 0, "all places are given back")
    budgets = plane.gateway.guards.attempts._budgets.values()
    assert sum(one.active for one in budgets) == 0


@pytest.mark.parametrize("is_baking", [False, True])
async def test_a_version_just_like_stable_answers_what_takes_long_in_time(
    trying: Plane, is_baking: bool
) -> None:
    """Who asks stable when a second is over has too little time left."""
    await trying.ready(Rollout(name="r2", is_baking=is_baking).snapshot)
    trying.fake.by_version = {"1": after(SLOW_S), "2": after(SLOW_S)}
    asking = [ask(trying, float(n), x_request_timeout_ms="1800") for n in range(3)]
    for number, heard in enumerate(await asyncio.gather(*asking)):
        assert (heard.status, heard.values, heard.by) == (200, [float(number)], CANARYS)
    assert ends_of(trying) == {"success": 3}
    assert series_of(trying, "seawall_canary_rerouted_total") == 0
    assert (calls_of(trying, 1), calls_of(trying, 2)) == (3, 3)
    registry, counted = trying.gateway.registry, "seawall_upstream_duration_seconds"
    one = {"model": "identity", "version": "2"}
    assert value_of(registry, f"{counted}_count", **one) == 3
    assert value_of(registry, f"{counted}_sum", **one) >= 3 * SLOW_S
    assert counts_of(trying).stable_calls == 0
    await places_are_free(trying)


async def test_a_canary_that_hangs_on_what_takes_long_is_found(trying: Plane) -> None:
    """Stable has shown how long that takes; the canary gets more than twice as much."""
    trying.fake.by_version = {"1": after(0.7), "2": hang}
    asked_s = time.monotonic()
    heard = await ask(trying, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)
    assert 1.7 <= time.monotonic() - asked_s < 5.0
    await eventually(lambda: ends_of(trying) == {"failure": 1}, "it is judged")
    assert time.monotonic() - asked_s >= 1.75
    assert (calls_of(trying, 1), calls_of(trying, 2)) == (1, 1)
    assert series_of(trying, "seawall_canary_rerouted_total") == 1


@pytest.mark.parametrize("count", [40])
async def test_all_who_wait_for_a_hung_canary_find_it(trying: Plane, count: int) -> None:
    """Who has been answered by stable when the canary has had its time need not be followed."""
    trying.gateway.left_behind._most = 0
    trying.fake.by_version["2"] = hang
    heard = await asyncio.gather(*[ask(trying, float(number)) for number in range(count)])
    assert [one.values for one in heard] == [[float(number)] for number in range(count)]
    assert canary_of(trying).stopped
    assert counts_of(trying).failures >= 3


async def test_where_stable_fails_the_canary_is_waited_for(trying: Plane) -> None:
    """It may be better."""
    trying.fake.by_version = {"1": model_raised("identity"), "2": after(SLOW_S)}
    heard = await ask(trying, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], CANARYS)
    assert ends_of(trying) == {"success": 1}
    assert (calls_of(trying, 1), calls_of(trying, 2)) == (1, 1)


@pytest.mark.parametrize("canarys", [hang, after(SLOW_S, model_raised("identity"))])
async def test_where_both_fail_stable_is_heard(trying: Plane, canarys: Act) -> None:
    """At the deadline at the latest; the canary is not to blame."""
    trying.fake.by_version = {"1": model_raised("identity"), "2": canarys}
    heard = await ask(trying, x_request_timeout_ms="1500")
    assert (heard.status, heard.values) == (500, "model_failed")
    await eventually(lambda: ends_of(trying) == {"unconfirmed": 1}, "it is judged")
    assert (calls_of(trying, 1), calls_of(trying, 2)) == (1, 1)
    registry, outcomes = trying.gateway.registry, "seawall_requests_total"
    trying.gateway.write_down()
    one = {"model": "identity", "version": "1", "outcome": "model_failed"}
    assert value_of(registry, outcomes, **one) == 1


@pytest.mark.parametrize("canarys", [1.2, 5.0])
async def test_a_canary_that_fails_meanwhile_is_judged_by_stable(
    trying: Plane, canarys: float
) -> None:
    """Stable is under way already, and is not asked again; or it has answered before."""
    trying.fake.by_version = {"1": after(0.5), "2": after(canarys, model_raised("identity"))}
    heard = await ask(trying, 3.0)
    assert (heard.status, heard.values, heard.by) == (200, [3.0], REROUTED)
    await eventually(lambda: ends_of(trying) == {"failure": 1}, "it is judged")
    assert (calls_of(trying, 1), calls_of(trying, 2)) == (1, 1)


async def test_who_leaves_both_takes_no_place_along(trying: Plane) -> None:
    """What is with Triton ends when Triton is done; the canary is judged all the same."""
    release = asyncio.Event()
    trying.fake.by_version = {"1": upon(release), "2": upon(release)}
    asking = asyncio.create_task(ask(trying, 3.0))
    await eventually(lambda: calls_of(trying, 1) == 1, "stable is asked as well")
    asking.cancel()
    await asyncio.wait([asking])
    release.set()
    await eventually(lambda: ends_of(trying) == {"success": 1}, "it is judged")
    assert calls_of(trying, 2) == 1
    await eventually(lambda: len(trying.gateway.left_behind) == 0, "all is over")
    await places_are_free(trying)


async def test_a_canary_that_is_stopped_meanwhile_leaves_stables_answer(trying: Plane) -> None:
    """Its call is taken back, stable's is not."""
    release = asyncio.Event()
    trying.fake.by_version = {"1": upon(release), "2": hang}
    asking = asyncio.create_task(ask(trying, 3.0))
    await eventually(lambda: calls_of(trying, 1) == 1, "stable is asked as well")
    canary_of(trying).under_way.recall()
    await eventually(lambda: ends_of(trying) == {"ignored": 1}, "it is taken back")
    release.set()
    assert (await asking).by == REROUTED
    assert calls_of(trying, 1) == 1
