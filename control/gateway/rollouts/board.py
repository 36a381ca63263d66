"""The canaries of one gateway: made from snapshots, and reported to the controller.

A report is made of each a few times a second and at once when one is stopped. Each says everything,
so none need be kept for a controller that is away.
"""

import asyncio
from typing import Final
from uuid import uuid4

from control.core.outcome import Outcome
from control.core.routes import CanaryRoute
from control.core.snapshot import Snapshot, VersionView
from control.gateway.protection.call_watch import CallWatch
from control.gateway.rollouts.live_canary import CLOCKS, Clocks, LiveCanary
from control.gateway.rollouts.series import CanarySeries
from control.link.events import CanaryReport, encode_event
from control.link.uplink import Uplink
from control.observability.rollout_metrics import RolloutMetrics

_INTERVAL_S: Final = 0.25


class CanaryBoard:
    """Belongs to the event loop."""

    def __init__(self, metrics: RolloutMetrics, uplink: Uplink, clocks: Clocks = CLOCKS) -> None:
        """Begin with no rollouts; report by ``uplink``."""
        self._metrics, self._uplink, self._clocks = metrics, uplink, clocks
        self._gateway = uuid4().hex
        self._canaries: dict[str, LiveCanary] = {}
        self._stables: dict[tuple[str, int], _StableWatch] = {}

    def of(self, model: str) -> LiveCanary | None:
        """Give the model's rollout; None where there is none."""
        return self._canaries.get(model)

    def watch_of(self, view: VersionView) -> CallWatch | None:
        """Give who is told of this version's calls: its canary is judged against them."""
        return self._stables.get((view.model, view.version)) if self._stables else None

    def learn(self, snapshot: Snapshot) -> None:
        """Follow a new snapshot: begin, go on with, and end rollouts."""
        routes = {name: one.canary for name, one in snapshot.routes.items() if one.canary}
        for name, canary in list(self._canaries.items()):
            route = routes.get(name)
            if route is None or route.rollout != canary.route.rollout:
                del self._canaries[name]
                canary.leave(snapshot.models.get(name))
        self._stables = {}
        for name, route in routes.items():
            canary = self._canaries.get(name) or self._begin(name, route)
            canary.follow(route, snapshot.models.get(name))
            if canary.stable is not None:
                self._stables[name, canary.stable.version] = _StableWatch(canary)

    async def run(self, interval_s: float = _INTERVAL_S) -> None:
        """Report for ever."""
        while True:
            self.turn()
            await asyncio.sleep(interval_s)

    def turn(self) -> None:
        """Report each canary once; where it is not taken, the next report says it all again."""
        for canary in self._canaries.values():
            self._report(canary)

    def write_down(self) -> None:
        """Bring the metrics up to date."""
        for canary in self._canaries.values():
            canary.series.write_down()

    def _begin(self, model: str, route: CanaryRoute) -> LiveCanary:
        series = CanarySeries(self._metrics, model, route.version)
        canary = LiveCanary(model, route, series, self._report, self._clocks)
        self._canaries[model] = canary
        return canary

    def _report(self, canary: LiveCanary) -> None:
        report = CanaryReport(
            gateway=self._gateway,
            model=canary.model,
            rollout=canary.route.rollout,
            version=canary.route.version,
            counts=canary.counts,
            stopped=canary.stopped,
            stopped_at=canary.stopped_at,
        )
        self._uplink.offer(encode_event(report))


class _StableWatch:
    """Tells a rollout of stable's calls. Satisfies CallWatch."""

    __slots__ = ("_canary",)

    def __init__(self, canary: LiveCanary) -> None:
        self._canary = canary

    def ended(self, outcome: Outcome, duration_s: float) -> None:
        self._canary.stable_ended(outcome, duration_s)

    def died(self) -> None:
        """Do nothing: it is the canary that is judged."""
