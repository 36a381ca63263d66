"""A canary beside a stable version whose answers are kept: what was right then is no proof now."""

import pytest

from control.core.protection import CachePolicy, Protection
from tests.fakes.fake_triton import model_raised
from tests.gateway.conftest import value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES
from tests.gateway.data_plane.rollout_scene import (
    REROUTED,
    STABLES,
    Rollout,
    ask,
    calls_of,
    canary_of,
    counts_of,
    ends_of,
    version,
)
from tests.support.polls import eventually

KEEPS = Protection(retries=NO_RETRIES, deterministic=True, cache=CachePolicy(ttl_s=300.0))
STABLE, TRIED = version(1, protection=KEEPS), version(2, protection=KEEPS)
COUNT = 8


@pytest.fixture
async def kept(plane: Plane) -> Plane:
    """A gateway that has stable's answers to the first numbers."""
    await plane.ready(Rollout(weight=0.0, stable=STABLE, canary=TRIED).snapshot)
    for number in range(COUNT):
        assert (await ask(plane, float(number))).by == STABLES
    await plane.ready(Rollout(stable=STABLE, canary=TRIED).snapshot)
    return plane


async def ask_all(plane: Plane) -> None:
    """Ask what is kept: the canary fails, and everybody has the right answer."""
    for number in range(COUNT):
        heard = await ask(plane, float(number))
        assert (heard.values, heard.by) == ([float(number)], REROUTED)
        assert heard.headers["seawall-cache"] == "hit"


async def test_a_common_cause_is_not_held_against_a_canary(kept: Plane) -> None:
    """Stable would fail on the same requests now; nobody notices, as its answers are kept."""
    kept.fake.by_version = {"1": model_raised("identity"), "2": model_raised("identity")}
    await ask_all(kept)
    await eventually(lambda: ends_of(kept) == {"unconfirmed": COUNT}, "all are judged")
    assert counts_of(kept).failures == 0
    assert not canary_of(kept).stopped


async def test_what_is_kept_hides_no_failure_of_a_canary(kept: Plane) -> None:
    """Stable is asked once more, beside the requests; that is in nobody's numbers."""
    kept.fake.by_version["2"] = model_raised("identity")
    await ask_all(kept)
    await eventually(lambda: ends_of(kept) == {"failure": COUNT}, "all are judged")
    assert calls_of(kept, 1) == COUNT
    registry, labels = kept.gateway.registry, {"model": "identity", "version": "1"}
    for result, count in (("miss", COUNT), ("hit", COUNT)):
        series = "seawall_cache_requests_total"
        assert value_of(registry, series, result=result, **labels) == count


async def test_a_copy_that_fails_is_not_held_against_it_either(kept: Plane) -> None:
    """A copy of a request whose answer was kept."""
    rollout = Rollout(0.0, 100.0, name="r2", stable=STABLE, canary=TRIED)
    await kept.ready(rollout.snapshot)
    kept.fake.by_version = {"1": model_raised("identity"), "2": model_raised("identity")}
    assert (await ask(kept, 1.0)).by == STABLES
    await eventually(lambda: ends_of(kept) == {"unconfirmed": 1}, "it is judged")
