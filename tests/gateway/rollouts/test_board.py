"""The rollouts of a gateway, as snapshots begin, change and end them."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control.core.canary_policy import CanaryPolicy, JudgePolicy
from control.core.judge_counts import CanaryEnd
from control.core.outcome import Outcome
from control.core.routes import CanaryRoute, Route
from control.core.snapshot import ModelView, Snapshot
from control.gateway.rollouts.board import CanaryBoard
from control.gateway.rollouts.live_canary import Clocks, LiveCanary
from control.link.events import CanaryReport, decode_event
from control.observability.metrics import GatewayMetrics
from control.observability.shared import NO_DATA
from tests.gateway.conftest import make_view, value_of

WEIGHT = "seawall_canary_weight_percent"


@dataclass
class FakeUplink:
    """Takes events, or does not."""

    connections: int = 1
    takes: bool = True
    told: list[CanaryReport] = field(default_factory=list)

    def offer(self, event: bytes) -> bool:
        """Take an event while it takes any."""
        report = decode_event(event)
        assert isinstance(report, CanaryReport)
        if self.takes:
            self.told.append(report)
        return self.takes


class Scene:
    """A board, and snapshots for it."""

    def __init__(self) -> None:
        self.registry, self.uplink = CollectorRegistry(), FakeUplink()
        self.now_s = 50.0
        clocks = Clocks(monotonic=lambda: self.now_s, wall=lambda: 1.7e9 + self.now_s)
        self.board = CanaryBoard(GatewayMetrics(self.registry), self.uplink, clocks)
        #: What a version's config says beside the rest.
        self.configs: dict[int, dict[str, Any]] = {}

    def learn(self, *models: tuple[str, Route]) -> None:
        """Follow a snapshot of these models, each with the versions 1 to 3."""
        views = {
            name: ModelView(
                name, {n: make_view(name, n, **self.configs.get(n, {})) for n in (1, 2, 3)}, route
            )
            for name, route in models
        }
        self.board.learn(Snapshot(1, views, routes=dict(models)))

    def canary(self, model: str = "m") -> LiveCanary:
        """The rollout of a model."""
        canary = self.board.of(model)
        assert canary is not None
        return canary

    def weight(self, version: int = 2) -> float:
        """The weight that is shown."""
        return value_of(self.registry, WEIGHT, model="m", version=str(version))


def route(
    name: str = "r1", weight: float = 10.0, version: int = 2, policy: CanaryPolicy | None = None
) -> Route:
    """Version 1 is stable."""
    tried = CanaryRoute(name, version, weight, weight / 2, policy or CanaryPolicy())
    return Route(1, frozenset({1}), tried)


@pytest.fixture
def scene() -> Scene:
    """A board without rollouts."""
    return Scene()


def test_a_rollout_begins_changes_and_ends(scene: Scene) -> None:
    """With the snapshots; its weight is shown while there is one."""
    assert scene.board.of("m") is None
    scene.learn(("m", route(weight=10.0)))
    canary = scene.canary()
    assert (canary.weight, canary.shadow, scene.weight()) == (10.0, 5.0, 10.0)
    scene.learn(("m", route(weight=50.0)))
    assert scene.canary() is canary
    assert (canary.weight, scene.weight()) == (50.0, 50.0)
    scene.learn(("m", Route(1, frozenset({1}))))
    assert scene.board.of("m") is None
    assert (canary.weight, canary.shadow, scene.weight()) == (0.0, 0.0, NO_DATA)


def test_another_rollout_of_the_same_version_begins_anew(scene: Scene) -> None:
    """Nothing that was counted before is held against it, and its weight is shown."""
    scene.learn(("m", route()))
    scene.canary().ended(CanaryEnd.CRASH, 0.1)
    assert scene.canary().stopped
    scene.learn(("m", route("r2")))
    assert (scene.canary().stopped, scene.canary().counts.calls) == ("", 0)
    assert scene.weight() == 10.0


def test_a_report_says_everything(scene: Scene) -> None:
    """Also the hundredth one; none is made of models without a rollout."""
    scene.learn(("m", route()), ("n", Route(1, frozenset({1}))))
    scene.canary().ended(CanaryEnd.SUCCESS, 0.1)
    scene.uplink.takes = False
    scene.board.turn()
    scene.uplink.takes = True
    scene.board.turn()
    scene.board.turn()
    first, second = scene.uplink.told
    assert first == second
    assert (first.model, first.rollout, first.version) == ("m", "r1", 2)
    assert (first.counts.calls, first.stopped, first.stopped_at) == (1, "", 0.0)


def test_a_stop_is_told_at_once_and_ever_after(scene: Scene) -> None:
    """With the reason and the time of the first failure that decided; later ones change nothing."""
    scene.learn(("m", route()))
    scene.canary().ended(CanaryEnd.CRASH, 0.1)
    (report,) = scene.uplink.told
    assert report.stopped == scene.canary().stopped != ""
    assert report.stopped_at == 1.7e9 + 50.0
    scene.now_s = 60.0
    scene.canary().ended(CanaryEnd.CRASH, 0.1)
    scene.learn(("m", route(weight=50.0)))
    scene.board.turn()
    assert scene.canary().weight == scene.weight() == 0.0
    assert scene.uplink.told[-1].stopped_at == report.stopped_at
    assert scene.uplink.told[-1].counts.crashes == 2
    scene.board.write_down()
    labels = {"model": "m", "version": "2"}
    assert value_of(scene.registry, "seawall_canary_stopped_total", **labels) == 1


def test_a_call_that_ends_after_its_rollout_tells_nobody(scene: Scene) -> None:
    """It was promoted, say: there is nothing to stop any more."""
    scene.learn(("m", route()))
    canary = scene.canary()
    scene.learn(("m", Route(2, frozenset({1, 2}))))
    canary.ended(CanaryEnd.CRASH, 0.1)
    assert not canary.stopped
    assert not scene.uplink.told


def test_another_way_to_judge_keeps_what_was_counted(scene: Scene) -> None:
    """A version that bakes is no longer held against stable, which nobody calls any more."""
    scene.learn(("m", route()))
    canary = scene.canary()
    for _ in range(5):
        canary.ended(CanaryEnd.SUCCESS, 0.1)
        canary.stable_ended(Outcome.SUCCESS, 0.1)
    canary.compared(agreed=True)
    before = canary.counts
    baking = CanaryPolicy(judge=replace(JudgePolicy(), max_duration_ratio=None))
    scene.learn(("m", route(weight=100.0, policy=baking)))
    assert scene.canary() is canary
    assert canary.counts == before
    canary.ended(CanaryEnd.SUCCESS, 0.1)
    assert (canary.counts.calls, canary.counts.agreed) == (6, 1)


@pytest.mark.parametrize(
    ("stable_us", "canary_us", "is_stopped"),
    [(50_000, 50_000, False), (0, 50_000, True), (50_000, 0, True), (1_000, 50_000, True)],
)
def test_the_wait_of_both_batchers_is_no_slowness(
    scene: Scene, stable_us: int, canary_us: int, is_stopped: bool
) -> None:
    """Few requests do not fill a batch; but what is new in the canary's config is its own."""
    for number, delay_us in ((1, stable_us), (2, canary_us)):
        batching = {"max_queue_delay_microseconds": str(delay_us)} if delay_us else {}
        scene.configs[number] = {"dynamic_batching": batching}
    scene.learn(("m", route()))
    canary = scene.canary()
    for _ in range(200):
        scene.now_s += 0.1
        canary.stable_ended(Outcome.SUCCESS, 0.01)
        canary.ended(CanaryEnd.SUCCESS, 0.06)
    assert bool(canary.stopped) == is_stopped


def test_stable_is_watched_while_there_is_a_rollout(scene: Scene) -> None:
    """Only stable, from the first snapshot that names the rollout; its overload says nothing."""
    stable, other = make_view("m", 1), make_view("m", 2)
    assert scene.board.watch_of(stable) is None
    scene.learn(("m", route(weight=0.0)))
    watch = scene.board.watch_of(stable)
    assert watch is not None
    assert scene.board.watch_of(other) is None
    for outcome in Outcome:
        watch.ended(outcome, 0.1)
    watch.died()
    counts = scene.canary().counts
    assert (counts.stable_calls, counts.stable_failures) == (2, 1)
    scene.learn(("m", Route(1, frozenset({1}))))
    assert scene.board.watch_of(stable) is None


def test_a_canary_that_is_stable_already_is_not_tried(scene: Scene) -> None:
    """There is nobody to take over where it fails."""
    tried = CanaryRoute("r1", 2, 100.0, 100.0, CanaryPolicy())
    scene.learn(("m", Route(2, frozenset({2}), tried)))
    assert scene.canary().weight == 0.0
    scene.learn(("m", Route(None, frozenset({2}), tried)))
    assert scene.canary().weight == 0.0


def test_a_canary_is_one_line() -> None:
    """For logs and tests."""
    scene = Scene()
    scene.learn(("m", route()))
    assert repr(scene.canary()) == "<LiveCanary m/2: 10 %, shadow 5 %>"
    scene.canary().ended(CanaryEnd.CRASH, 0.1)
    assert repr(scene.canary()) == f"<LiveCanary m/2: {scene.canary().stopped}>"
