"""A request's time: who sets it, that it holds, and what goes upstream of it."""

import asyncio
import time

import pytest

from control.core.protection import BreakerPolicy
from tests.fakes.fake_triton import hang
from tests.gateway.conftest import snapshot_of
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.protected_versions import (
    NO_RETRIES,
    admitted,
    infer,
    protected,
    upon,
)
from tests.support.polls import eventually


async def test_a_deadline_holds_while_triton_is_busy(plane: Plane) -> None:
    """The caller is answered in its time; its permit is Triton's until Triton is done."""
    await plane.ready(snapshot_of(protected(retries=NO_RETRIES)))
    release = asyncio.Event()
    plane.fake.then(upon(release))
    started_s = time.monotonic()
    status, code, _ = await infer(plane, 1.0, x_request_timeout_ms="80")
    assert (status, code) == (504, "deadline_exceeded")
    assert 0.07 < time.monotonic() - started_s < 5.0
    assert admitted(plane) == 1
    release.set()
    await eventually(lambda: admitted(plane) == 0, "Triton is done, and so is the permit")


async def test_what_is_left_of_the_time_goes_upstream(plane: Plane) -> None:
    """Triton is told the rest of the budget, whoever set it."""
    await plane.ready(snapshot_of(protected(deadline_s=5.0)))
    await infer(plane, 1.0)
    await infer(plane, 1.0, x_request_timeout_ms="800")
    first, second = (seen.document["parameters"]["timeout"] for seen in plane.fake.inferences)
    assert 4_000_000 < first < 5_000_000
    assert 100_000 < second < 800_000


@pytest.mark.parametrize("header", ["x_request_timeout_ms", "x_seawall_priority"])
async def test_an_urgency_that_cannot_be_read_is_malformed(plane: Plane, header: str) -> None:
    """It is refused with the header's name, and not sent."""
    await plane.ready()
    status, code, _ = await infer(plane, 1.0, **{header: "soon"})
    assert (status, code) == (400, "malformed_request")
    assert not plane.fake.inferences


async def test_a_large_request_that_hangs_is_held_against_the_model(plane: Plane) -> None:
    """The clock over all stages of a large one does not hide from the breaker what happened."""
    breaker = BreakerPolicy(sliding_window_size=2, minimum_number_of_calls=2)
    await plane.ready(snapshot_of(protected(breaker=breaker, retries=NO_RETRIES)))
    large = [0.5] * 20_000
    plane.fake.then(hang, hang)
    for _ in range(2):
        answer = await infer(plane, *large, x_request_timeout_ms="1200")
        assert answer[:2] == (504, "deadline_exceeded")
    assert (await infer(plane, 1.0))[:2] == (503, "circuit_open")
