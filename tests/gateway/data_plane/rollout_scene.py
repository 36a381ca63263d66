"""A model with a stable version 1 and a version 2 that is tried out, and short ways to ask it."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from control.core.canary_policy import CanaryPolicy, JudgePolicy
from control.core.judge_counts import JudgeCounts
from control.core.protection import Protection
from control.core.routes import CanaryRoute, Route
from control.core.snapshot import ModelView, Snapshot, VersionView
from control.gateway.rollouts.live_canary import LiveCanary
from tests.fakes.fake_triton import Act, identity, stub_died
from tests.gateway.conftest import make_view, snapshot_of, value_of
from tests.gateway.data_plane.conftest import Plane, json_of
from tests.gateway.data_plane.protected_versions import NO_RETRIES, PATH
from tests.support.polls import eventually

#: One failure more than none is enough to be stopped.
STRICT = CanaryPolicy(judge=JudgePolicy(max_failure_rate=1e-6, error_rate=0.9))
PLAIN = Protection(retries=NO_RETRIES)


def version(number: int, *, protection: Protection = PLAIN, **changes: Any) -> VersionView:
    """One version of the identity model."""
    return replace(make_view(version=number), protection=protection, **changes)


STABLE, TRIED, POLICY = version(1), version(2), CanaryPolicy()


@dataclass(frozen=True, slots=True)
class Rollout:
    """What the snapshot says of the model; whatever is not said is as in a plain rollout."""

    weight: float = 100.0
    shadow: float = 0.0
    policy: CanaryPolicy = POLICY
    name: str = "r1"
    stable: VersionView = STABLE
    canary: VersionView = TRIED
    others: tuple[VersionView, ...] = ()
    is_baking: bool = False

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot."""
        tried = CanaryRoute(self.name, self.canary.version, self.weight, self.shadow, self.policy)
        live = {self.stable.version, *([self.canary.version] if self.is_baking else [])}
        route = Route(self.stable.version, frozenset(live), tried)
        return routed(route, self.stable, self.canary, *self.others)


def routed(route: Route, *views: VersionView) -> Snapshot:
    """A snapshot of these versions of the identity model."""
    plain = snapshot_of(*views)
    model = plain.models["identity"]
    models = {**plain.models, "identity": ModelView(model.name, model.versions, route)}
    return replace(plain, models=models, routes={"identity": route})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client gets."""

    status: int
    values: Any
    headers: dict[str, str]

    @property
    def by(self) -> tuple[str | None, ...]:
        """Track, version, and which version did not answer before."""
        names = ("seawall-track", "seawall-model-version", "seawall-rerouted-from")
        return tuple(self.headers.get(name) for name in names)


STABLES = ("stable", "1", None)
CANARYS = ("canary", "2", None)
REROUTED = ("stable", "1", "2")


async def ask(plane: Plane, *values: float, path: str = PATH, **headers: str) -> Heard:
    """One request for the identity model."""
    answered = await plane.ask("POST", path, json_of(*(values or (1.0,))), **headers)
    document = json.loads(answered.body)
    told = document["outputs"][0]["data"] if answered.status == 200 else document["code"]
    return Heard(answered.status, told, dict(answered.headers))


def canary_of(plane: Plane) -> LiveCanary:
    """The model's rollout in this gateway."""
    canary = plane.gateway.canaries.of("identity")
    assert canary is not None
    return canary


def counts_of(plane: Plane) -> JudgeCounts:
    """What has been counted of it."""
    return canary_of(plane).counts


def ends_of(plane: Plane) -> dict[str, int]:
    """How its calls ended, by the series."""
    plane.gateway.write_down()
    names = ("success", "failure", "crash", "unconfirmed", "ignored")
    labels = {"model": "identity", "version": "2"}
    series = "seawall_canary_requests_total"
    counted = {
        name: int(value_of(plane.gateway.registry, series, end=name, **labels)) for name in names
    }
    return {name: count for name, count in counted.items() if count}


def series_of(plane: Plane, name: str, **labels: str) -> float:
    """One of the canary's series."""
    plane.gateway.write_down()
    return value_of(plane.gateway.registry, name, model="identity", version="2", **labels)


def calls_of(plane: Plane, number: int) -> int:
    """The inferences that a version has got."""
    return sum(seen.version == str(number) for seen in plane.fake.inferences)


async def let_canary_die(plane: Plane) -> None:
    """Let the canary's process die in a call: it is stopped then."""
    plane.fake.then(stub_died("identity"))
    assert (await ask(plane)).by == REROUTED
    assert canary_of(plane).stopped


async def learn_times(plane: Plane, act: Act = identity) -> None:
    """Let it be known how long stable takes, which does this."""
    await plane.ready(Rollout(weight=0.0).snapshot)
    plane.fake.by_version["1"] = act
    for _ in range(2):
        await asyncio.gather(*[ask(plane, float(number)) for number in range(8)])
    admission = plane.gateway.guards.admissions.of(STABLE)
    await eventually(lambda: admission.usual_s, "stable's time is known")


async def try_out(plane: Plane) -> Plane:
    """Begin a rollout on a gateway that knows stable's time, and whose requests can be left."""
    plane.lanes.learn_routes(Rollout().snapshot)  # Flask's threads cannot be cancelled
    await learn_times(plane)
    await plane.ready(Rollout().snapshot)
    return plane
