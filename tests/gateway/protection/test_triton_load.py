"""What Triton's statistics tell the admissions, and that nothing depends on them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from control.core.outcome import Outcome
from control.core.protection import Priority
from control.core.snapshot import VersionView
from control.errors import UpstreamUnavailable
from control.gateway.protection.admission import Admission, AdmissionBoard, Ask
from control.gateway.protection.triton_load import TritonLoads
from control.observability.metrics import GatewayMetrics
from control.triton.upstream import UpstreamAnswer
from tests.gateway.conftest import make_view
from tests.support.polls import eventually


def took(count: int, ns: int) -> dict[str, int]:
    """A duration in Triton's form."""
    return {"count": count, "ns": ns}


def statistics(requests: int, *, queue_ns: int, infer_ns: int, rows: int = 1) -> dict[str, Any]:
    """One version's statistics after so many requests, each with so many ns and its own batch."""
    durations = {
        "compute_input": took(requests, 0),
        "compute_infer": took(requests, requests * infer_ns),
        "compute_output": took(requests, 0),
    }
    return {
        "name": "identity",
        "version": "1",
        "inference_count": requests * rows,
        "execution_count": requests,
        "inference_stats": {
            "success": took(requests, requests * (queue_ns + infer_ns)),
            "queue": took(requests, requests * queue_ns),
            **durations,
        },
        "batch_stats": [{"batch_size": rows, **durations}],
    }


@dataclass
class Statistics:
    """A Triton that answers for its statistics in a given way."""

    body: bytes = b""
    status: int = 200
    error: Exception | None = None
    hangs: bool = False
    paths: list[str] = field(default_factory=list)

    def set(self, document: Any) -> None:
        """Answer with this version's statistics."""
        self.body = json.dumps({"model_stats": [document]}).encode()

    async def request(self, method: str, path: str) -> UpstreamAnswer:
        """Answer."""
        assert method == "GET"
        self.paths.append(path)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.error is not None:
            raise self.error
        return UpstreamAnswer(self.status, {}, self.body)


class Clock:
    """Stands still until told."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class World:
    """A board, a Triton and who asks it."""

    triton: Statistics
    board: AdmissionBoard
    loads: TritonLoads
    clock: Clock

    def use(self, view: VersionView, calls: int = 20) -> Admission:
        """Let calls come and go."""
        admission = self.board.of(view)
        for _ in range(calls):
            permit = admission.try_enter(Ask("acme", Priority.NORMAL, 1e9))
            assert permit is not None
            self.clock.now_s += 0.005
            permit.end(Outcome.SUCCESS)
        return admission


@pytest.fixture
def world(metrics: GatewayMetrics) -> World:
    """Everything under one clock."""
    clock, triton = Clock(), Statistics()
    board = AdmissionBoard(metrics, clock=clock)
    return World(triton, board, TritonLoads(board, triton.request, clock), clock)


async def test_a_look_tells_the_admission_what_came_since_the_last(world: World) -> None:
    """Differences count, not what has come together since Triton's start."""
    world.triton.set(statistics(1000, queue_ns=10**9, infer_ns=10**9))
    world.use(make_view())
    await world.loads.look()
    after = statistics(1000, queue_ns=10**9, infer_ns=10**9)
    after["inference_count"] += 20
    after["inference_stats"]["queue"] = took(1020, 1000 * 10**9 + 20 * 3_000_000)
    for part in (after["inference_stats"], after["batch_stats"][0]):
        part["compute_infer"] = took(1020, 1000 * 10**9 + 20 * 2_000_000)
    world.triton.set(after)
    world.use(make_view())
    await world.loads.look()
    (status,) = world.board.statuses()
    assert status.queue_ms == pytest.approx(3.0)
    assert status.useful_batch == 1.0
    assert world.triton.paths == ["/v2/models/identity/versions/1/stats"] * 2


async def test_only_versions_with_traffic_are_asked_about(world: World) -> None:
    """An idle model costs nothing."""
    world.triton.set(statistics(1, queue_ns=1, infer_ns=1))
    world.use(make_view(), calls=1)
    await world.loads.look()
    await world.loads.look()
    await world.loads.look()
    assert len(world.triton.paths) == 1


async def test_a_version_with_a_server_of_its_own_is_not_asked_about(world: World) -> None:
    """The main one knows nothing of it; its limit goes by round trips."""
    world.use(replace(make_view(version=2), upstream="unix:/run/apart.sock"))
    world.use(make_view())
    await world.loads.look()
    assert world.triton.paths == ["/v2/models/identity/versions/1/stats"]
    assert world.board.of(make_view(version=2)).usual_s == pytest.approx(0.005)


async def test_a_name_cannot_leave_its_place_in_the_path(world: World) -> None:
    """Whatever a model is called, only its own statistics are asked for."""
    world.use(make_view("a/b?c"), calls=1)
    await world.loads.look()
    assert world.triton.paths == ["/v2/models/a%2Fb%3Fc/versions/1/stats"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (200, b"no json"),
        (200, b"[]"),
        (200, b'{"model_stats":[]}'),
        (200, b'{"model_stats":[{"inference_stats":{}}]}'),
        (200, b'{"model_stats":[null]}'),
        (200, b'{"model_stats":7}'),
    ],
)
async def test_what_cannot_be_read_tells_nothing(world: World, status: int, body: bytes) -> None:
    """The limit goes by round trips then."""
    world.triton.status, world.triton.body = status, body
    for _ in range(2):
        world.use(make_view())
        await world.loads.look()
    (one,) = world.board.statuses()
    assert one.queue_ms is None
    assert one.rtt_ms == pytest.approx(5.0)


async def test_counters_that_began_anew_tell_nothing(world: World) -> None:
    """A model that was loaded again has no negative load."""
    for requests in (1000, 5):
        world.triton.set(statistics(requests, queue_ns=1000, infer_ns=1000))
        world.use(make_view())
        await world.loads.look()
    (status,) = world.board.statuses()
    assert status.queue_ms is None


async def test_counters_of_long_ago_tell_nothing(world: World) -> None:
    """What came between two bursts says nothing of the second."""
    for requests in (10, 1000):
        world.triton.set(statistics(requests, queue_ns=1000, infer_ns=1000))
        world.use(make_view())
        await world.loads.look()
        world.clock.now_s += 60.0
    (status,) = world.board.statuses()
    assert status.queue_ms is None


async def test_a_triton_that_is_away_is_asked_once_a_look(world: World) -> None:
    """The other versions do not wait for it too, and every admission has its turn."""
    world.triton.error = UpstreamUnavailable("Triton is not there")
    for name in "abc":
        world.use(make_view(name))
    await world.loads.look()
    assert len(world.triton.paths) == 1
    assert [one.rtt_ms for one in world.board.statuses()] == [pytest.approx(5.0)] * 3


async def test_a_triton_that_hangs_is_given_up(world: World) -> None:
    """A look ends in half a second."""
    world.triton.hangs = True
    world.use(make_view())
    await asyncio.wait_for(world.loads.look(), 10.0)
    (status,) = world.board.statuses()
    assert status.rtt_ms == pytest.approx(5.0)


async def test_versions_that_are_gone_are_forgotten(world: World) -> None:
    """Nothing is kept of a version that the board has forgotten."""
    world.triton.set(statistics(1, queue_ns=1, infer_ns=1))
    world.use(make_view())
    await world.loads.look()
    world.board.forget("identity", 1)
    await world.loads.look()
    assert (world.loads._counted, world.loads._granted) == ({}, {})


@pytest.fixture
async def running(world: World) -> AsyncIterator[World]:
    """A world that looks by itself."""
    task = asyncio.create_task(world.loads.run())
    yield world
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_looks_again_and_again(running: World) -> None:
    """Several times a second, while there is traffic."""
    running.triton.set(statistics(1, queue_ns=1, infer_ns=1))
    paths = running.triton.paths
    running.use(make_view())
    await eventually(lambda: paths, "a look")
    running.use(make_view())
    await eventually(lambda: len(paths) >= 2, "another look")
