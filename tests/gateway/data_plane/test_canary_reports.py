"""What the controller hears of a canary, and what happens while it is away."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.core.routes import Route
from control.link.events import CanaryReport, Event
from control.link.publisher import SnapshotPublisher
from control.runtime import RuntimePaths
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.rollout_scene import (
    CANARYS,
    STABLES,
    Rollout,
    ask,
    canary_of,
    let_canary_die,
    routed,
    version,
)
from tests.support.polls import eventually


class Controller:
    """What hears the gateway."""

    def __init__(self, plane: Plane, directory: Path) -> None:
        self.plane = plane
        self.heard: list[Event] = []
        paths = RuntimePaths(directory)
        self._publisher = SnapshotPublisher(
            paths.link_socket, directory / "unread", self.heard.append
        )

    async def start(self) -> None:
        """Come to life, and wait for the gateway."""
        await self._publisher.start()
        await eventually(lambda: self._publisher.gateway_count, "the gateway is connected")

    async def stop(self) -> None:
        """Die."""
        self._publisher._server.close()
        for writer in list(self._publisher._gateways):
            writer.transport.abort()
        await eventually(lambda: not self._publisher.gateway_count, "it is disconnected")
        self.heard.clear()

    @property
    def reports(self) -> list[CanaryReport]:
        """What it has heard of canaries."""
        return [one for one in self.heard if isinstance(one, CanaryReport)]


@pytest.fixture
async def controller(plane: Plane, tmp_path: Path) -> AsyncIterator[Controller]:
    """A controller that is not running yet."""
    one = Controller(plane, tmp_path)
    yield one
    if one._publisher.gateway_count:
        await one.stop()


async def test_the_controller_hears_at_once(plane: Plane, controller: Controller) -> None:
    """Why, when, and what was counted; not only at the next regular report."""
    await controller.start()
    await plane.ready(Rollout().snapshot)
    assert (await ask(plane)).by == CANARYS
    before_s = time.time()
    await let_canary_die(plane)
    report = await eventually(
        lambda: next((one for one in controller.reports if one.stopped), None), "it is told"
    )
    assert (report.model, report.rollout, report.version) == ("identity", "r1", 2)
    assert report.stopped == canary_of(plane).stopped
    assert before_s <= report.stopped_at <= time.time()
    assert (report.counts.calls, report.counts.crashes) == (2, 1)
    told = len(controller.reports)
    await eventually(lambda: len(controller.reports) > told, "it goes on telling")


async def test_without_a_controller_a_canary_is_stopped_all_the_same(
    plane: Plane, controller: Controller
) -> None:
    """Whoever comes back gets the whole story."""
    await controller.start()
    await plane.ready(Rollout().snapshot)
    await controller.stop()
    await let_canary_die(plane)
    assert (await ask(plane)).by == STABLES
    await controller.start()
    await eventually(
        lambda: controller.reports and controller.reports[-1].stopped, "it is told again"
    )


async def test_reports_come_while_nothing_happens(plane: Plane, controller: Controller) -> None:
    """Several a second, each with everything; none of a model without a rollout."""
    await controller.start()
    await plane.ready(Rollout().snapshot)
    await eventually(lambda: len(controller.reports) >= 3, "reports come")
    assert {one.gateway for one in controller.reports} == {controller.reports[0].gateway}
    await plane.ready(routed(Route(1, frozenset({1})), version(1), version(2)))
    controller.heard.clear()
    plane.gateway.canaries.turn()
    await ask(plane)
    assert not controller.reports
