"""The course of a request: which track it takes, and whether it is copied."""

import math
from collections.abc import Callable
from itertools import count

import pytest
from prometheus_client import CollectorRegistry

from control.core.access import Identity
from control.core.canary_policy import CanaryPolicy, Sticky, StickyBy
from control.core.protection import Priority
from control.core.routes import CanaryRoute, Route
from control.core.snapshot import ModelView, Snapshot
from control.core.tensors import InferRequest, Tensor
from control.core.track import Track
from control.gateway.caller import Caller
from control.gateway.observe import Observation
from control.gateway.rollouts.board import CanaryBoard
from control.gateway.rollouts.courses import Courses
from control.gateway.target import Target
from control.link.uplink import LinkUplink
from control.observability.metrics import GatewayMetrics
from tests.gateway.conftest import make_view


class Scene:
    """Courses of requests to a model with a rollout; nothing is called."""

    def __init__(
        self, weight: float, shadow: float, sticky: Sticky, draw: Callable[[], float] = lambda: 0.5
    ) -> None:
        self.views = {number: make_view("m", number) for number in (1, 2)}
        tried = CanaryRoute("r1", 2, weight, shadow, CanaryPolicy(sticky=sticky))
        route = Route(1, frozenset({1}), tried)
        board = CanaryBoard(GatewayMetrics(CollectorRegistry()), LinkUplink())
        model = ModelView("m", self.views, route)
        board.learn(Snapshot(1, {"m": model}, routes={"m": route}))
        self.courses = Courses(board, None, None, None, draw)  # type: ignore[arg-type]

    def of(self, tenant: str = "acme", version: int | None = None, **headers: bytes) -> str:
        """The course of a request: its track, or that it is copied, or that it is stable's."""
        seen = Observation("id", "m", 4, 0.0, view=self.views[version or 1])
        caller = Caller(seen, Identity("s", tenant, frozenset()), Priority.NORMAL, 9.0)
        named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        request = InferRequest([Tensor("INPUT0", "FP32", [1, 1], bytes(4))])
        course = self.courses.of(Target("m", version), caller, named, b"body", request)
        if course is None:
            return "stable"
        return "canary" if course.track is Track.CANARY else "copied"


@pytest.mark.parametrize("weight", [1.0, 10.0, 50.0])
def test_the_share_of_a_track_is_its_weight(weight: float) -> None:
    """Give or take what chance does: five standard deviations of 20 000 callers."""
    scene, callers = Scene(weight, 0.0, Sticky()), 20_000
    ids = [b"request-%d" % number for number in range(callers)]
    on_it = [scene.of(x_request_id=one) == "canary" for one in ids]
    share = weight / 100
    assert abs(sum(on_it) - callers * share) < 5 * math.sqrt(callers * share * (1 - share))
    again = Scene(weight, 0.0, Sticky())
    assert [again.of(x_request_id=one) == "canary" for one in ids] == on_it


def test_without_a_key_chance_decides() -> None:
    """Every request is drawn for anew."""
    drawn = (number % 10 / 10 for number in count())
    scene = Scene(30.0, 0.0, Sticky(), lambda: next(drawn))
    tracks = [scene.of() for _ in range(100)]
    assert tracks.count("canary") == 30


def test_a_tenant_is_not_split() -> None:
    """Where the policy says so, whatever its requests are called."""
    scene = Scene(50.0, 0.0, Sticky(StickyBy.TENANT))
    for tenant in ("a", "b", "c", "d"):
        assert len({scene.of(tenant, x_request_id=b"%d" % n) for n in range(20)}) == 1
    assert len({scene.of(f"t{n}") for n in range(40)}) == 2


def test_copies_are_made_of_stables_requests() -> None:
    """By other chance than the track's: half of the half."""
    scene = Scene(50.0, 50.0, Sticky())
    courses = [scene.of(x_request_id=b"request-%d" % number) for number in range(2000)]
    assert abs(courses.count("canary") - 1000) < 120
    assert abs(courses.count("copied") - 500) < 120


def test_who_names_a_version_is_left_alone() -> None:
    """Stable or not."""
    scene = Scene(100.0, 100.0, Sticky())
    assert [scene.of(version=number) for number in (1, 2)] == ["stable", "stable"]
    assert scene.of() == "canary"
