"""Clients that leave before a canary has answered: it is judged by what it does all the same."""

import asyncio

import pytest

from tests.fakes.fake_triton import Act, after, hang, model_raised, stub_died
from tests.gateway.conftest import value_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import upon
from tests.gateway.data_plane.rollout_scene import (
    STABLES,
    ask,
    calls_of,
    canary_of,
    counts_of,
    ends_of,
    try_out,
)
from tests.support.polls import eventually

#: The canary's time, beside a stable that answers at once, is a second.
_PATIENCE_S = 0.05


@pytest.fixture
async def trying(plane: Plane) -> Plane:
    """A gateway in a rollout."""
    return await try_out(plane)


async def leave(plane: Plane, count: int, **headers: str) -> None:
    """Let so many clients ask, and leave soon."""
    before = calls_of(plane, 2)
    asking = [asyncio.create_task(ask(plane, float(number), **headers)) for number in range(count)]
    await eventually(lambda: calls_of(plane, 2) == before + count, "all are with Triton")
    await asyncio.sleep(_PATIENCE_S)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert all(task.cancelled() for task in asking)


async def test_a_canary_that_hangs_is_stopped_though_everybody_leaves(trying: Plane) -> None:
    """Stable shows what it should have done; that is in nobody's numbers."""
    trying.fake.by_version["2"] = hang
    await leave(trying, 8)
    assert calls_of(trying, 1) == 0
    assert canary_of(trying).weight == 100.0
    await eventually(lambda: canary_of(trying).stopped, "it is stopped")
    await eventually(lambda: len(trying.gateway.left_behind) == 0, "all is over")
    assert len(canary_of(trying).under_way) == 0
    assert counts_of(trying).failures >= 3
    trying.gateway.write_down()
    registry, one = trying.gateway.registry, {"model": "identity", "version": "1"}
    assert value_of(registry, "seawall_requests_total", outcome="ok", **one) == 16
    assert counts_of(trying).stable_calls == 16
    assert (await ask(trying)).by == STABLES


async def test_a_good_canary_has_answered_though_its_client_has_left(trying: Plane) -> None:
    """Nobody else is asked."""
    trying.fake.by_version["2"] = after(0.3)
    await leave(trying, 5)
    await eventually(lambda: ends_of(trying) == {"success": 5}, "it answers")
    assert calls_of(trying, 1) == 0
    assert not canary_of(trying).stopped


@pytest.mark.parametrize("stables", [model_raised("identity"), hang])
async def test_what_nobody_can_answer_is_not_held_against_it(trying: Plane, stables: Act) -> None:
    """Stable is asked once, with the time that the client had."""
    trying.fake.by_version = {"1": stables, "2": hang}
    await leave(trying, 1, x_request_timeout_ms="1500")
    await eventually(lambda: ends_of(trying) == {"unconfirmed": 1}, "it is judged")
    assert calls_of(trying, 1) == 1


@pytest.mark.parametrize(
    ("canarys", "end"),
    [(after(1.4), "success"), (hang, "failure"), (after(1.4, model_raised("identity")), "failure")],
)
async def test_what_takes_stable_long_as_well_may_take_a_canary_long(
    trying: Plane, canarys: Act, end: str
) -> None:
    """It has more than twice that, and is judged by what it does with it."""
    trying.fake.by_version = {"1": after(0.8), "2": canarys}
    await leave(trying, 1)
    await eventually(lambda: ends_of(trying) == {end: 1}, "it is judged")
    assert calls_of(trying, 1) == 1


async def test_a_death_is_one_whoever_waits(trying: Plane) -> None:
    """It stops the canary at once."""
    release = asyncio.Event()
    trying.fake.by_version["2"] = upon(release, stub_died("identity"))
    await leave(trying, 1)
    release.set()
    await eventually(lambda: canary_of(trying).stopped, "it is stopped")
    assert ends_of(trying) == {"crash": 1}
    assert calls_of(trying, 1) == 0


async def test_who_leaves_while_stable_is_asked_leaves_a_failure(trying: Plane) -> None:
    """Stable is asked again, as its answer to that request was not waited for."""
    release = asyncio.Event()
    trying.fake.by_version = {"1": upon(release), "2": model_raised("identity")}
    asking = asyncio.create_task(ask(trying))
    await eventually(lambda: calls_of(trying, 1) == 1, "stable is asked")
    asking.cancel()
    await asyncio.wait([asking])
    release.set()
    await eventually(lambda: ends_of(trying) == {"failure": 1}, "it is judged")
    assert calls_of(trying, 1) == 2


async def one_of_three_is_followed(plane: Plane, release: asyncio.Event) -> None:
    """Whether two are given up where three have left, and the third is judged by its answer."""
    plane.fake.by_version["2"] = upon(release)
    await leave(plane, 3)
    await eventually(lambda: ends_of(plane) == {"ignored": 2}, "two are given up")
    release.set()
    await eventually(lambda: ends_of(plane) == {"ignored": 2, "success": 1}, "one answers")


async def test_so_many_are_followed_at_once(trying: Plane) -> None:
    """The others are given up, and say nothing."""
    trying.gateway.left_behind._most = 1
    await one_of_three_is_followed(trying, asyncio.Event())


async def test_the_bytes_of_what_is_followed_are_bounded(trying: Plane) -> None:
    """Whoever has received them counts them no more. One is followed, however large it is."""
    trying.gateway.left_behind._most_bytes = 10
    release = asyncio.Event()
    await one_of_three_is_followed(trying, release)
    release.clear()
    await leave(trying, 1)
    release.set()
    await eventually(lambda: ends_of(trying) == {"ignored": 2, "success": 2}, "there is room again")


async def test_a_stopped_canary_is_asked_no_more_for_those_who_have_left(trying: Plane) -> None:
    """Its calls are taken back."""
    trying.fake.by_version["2"] = hang
    await leave(trying, 2)
    trying.fake.then(stub_died("identity"))
    await ask(trying)
    await eventually(lambda: ends_of(trying) == {"crash": 1, "ignored": 2}, "they are taken back")


async def test_a_gateway_that_ends_gives_up_what_was_left_behind(trying: Plane) -> None:
    """It is nobody's loss."""
    trying.fake.by_version["2"] = hang
    await leave(trying, 1)
    trying.gateway.left_behind.close()
    await eventually(lambda: len(canary_of(trying).under_way) == 0, "it is given up")
    assert len(trying.gateway.left_behind) == 0
