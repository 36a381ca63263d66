"""A canary beside a stable version that is busy: whoever comes back from it still has to wait."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control.core.protection import ConcurrencyPolicy, Protection
from tests.fakes.fake_triton import after, hang
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import NO_RETRIES
from tests.gateway.data_plane.rollout_scene import (
    REROUTED,
    STABLES,
    Rollout,
    ask,
    calls_of,
    learn_times,
    version,
)
from tests.support.polls import eventually

_ONE_S = 0.1
ONE_PLACE = Protection(concurrency=ConcurrencyPolicy(fixed=1), retries=NO_RETRIES)
STABLE = version(1, protection=ONE_PLACE)
PINNED = "/v2/models/identity/versions/1/infer"


@pytest.fixture
async def busy(plane: Plane) -> AsyncIterator[Plane]:
    """A gateway whose stable version has one place and two callers; the canary hangs."""
    plane.lanes.learn_routes(Rollout().snapshot)  # Flask's threads cannot be cancelled
    await learn_times(plane, after(_ONE_S))
    await plane.ready(Rollout(stable=STABLE).snapshot)
    plane.fake.by_version["2"] = hang
    callers = [asyncio.create_task(go_on_asking(plane)) for _ in range(2)]
    admission = plane.gateway.guards.admissions.of(STABLE)
    await eventually(lambda: admission.queued, "somebody waits")
    yield plane
    for task in callers:
        task.cancel()
    await asyncio.wait(callers)


async def go_on_asking(plane: Plane) -> None:
    """Ask stable without a pause."""
    while True:
        assert (await ask(plane, path=PINNED)).status == 200


async def test_who_has_too_little_time_for_the_line_is_stables(busy: Plane) -> None:
    """The time of a call would be left, but not that of the wait."""
    for number in range(3):
        heard = await ask(busy, float(number), x_request_timeout_ms="750")
        assert (heard.values, heard.by) == ([float(number)], STABLES)
    assert calls_of(busy, 2) == 0


async def test_who_comes_back_has_time_for_the_line(busy: Plane) -> None:
    """The canary gets the rest of the time."""
    heard = await ask(busy, 3.0, x_request_timeout_ms="1500")
    assert (heard.values, heard.by) == ([3.0], REROUTED)
    assert calls_of(busy, 2) == 1
