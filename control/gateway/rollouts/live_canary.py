"""One rollout as one gateway sees it: who is tried out, how much it gets, and how it does.

The moment that its judge finds it failing it gets nothing more, and calls under way are taken back:
nobody is asked first.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from control.core.canary_judge import LiveJudge
from control.core.judge_counts import CanaryEnd, JudgeCounts, Judgement
from control.core.outcome import Outcome
from control.core.routes import CanaryRoute
from control.core.snapshot import ModelView, VersionView
from control.core.track import salt_of
from control.gateway.protection.server_shape import shape_of
from control.gateway.rollouts.series import CanarySeries
from control.gateway.rollouts.under_way import UnderWay
from control.observability.logs import get_logger

_SHADOW: Final = "/shadow"

_log = get_logger("canary")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where a canary's times come from: one clock for what passes, one for people."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


CLOCKS: Final = Clocks()


class LiveCanary:
    """Belongs to the event loop. ``weight`` and ``shadow`` are the percentages in force here.

    While one of them is not 0, ``view`` is the version that is tried out, and is ready.
    """

    def __init__(
        self,
        model: str,
        route: CanaryRoute,
        series: CanarySeries,
        on_stop: Callable[["LiveCanary"], None],
        clocks: Clocks = CLOCKS,
    ) -> None:
        """Try nothing before ``follow``; tell ``on_stop`` when it stops by itself."""
        self.model, self.route = model, route
        self.salt, self.shadow_salt = salt_of(route.rollout), salt_of(route.rollout + _SHADOW)
        self.weight = self.shadow = 0.0
        self.view: VersionView | None = None
        #: Who answers what the canary does not; None where there is nobody.
        self.stable: VersionView | None = None
        #: Whether it is served for good unless it still proves bad.
        self.is_baking = False
        #: Why it was stopped here, and when; empty and 0 while it was not.
        self.stopped, self.stopped_at = "", 0.0
        self.under_way = UnderWay()
        self.series = series
        self._on_stop = on_stop
        self._clock, self._wall_clock = clocks.monotonic, clocks.wall
        self._is_over = False
        self._judge = LiveJudge(route.policy)

    def __repr__(self) -> str:
        """One line for logs and tests."""
        state = self.stopped or f"{self.weight:g} %, shadow {self.shadow:g} %"
        return f"<LiveCanary {self.model}/{self.route.version}: {state}>"

    @property
    def counts(self) -> JudgeCounts:
        """All that has been counted since this gateway first saw the rollout."""
        return self._judge.counts

    def follow(self, route: CanaryRoute, model: ModelView | None) -> None:
        """Go by a new snapshot; one that has been stopped stays so."""
        if route.policy != self.route.policy:
            self._judge.reconfigure(route.policy)
        self.route = route
        self.view = model.versions.get(route.version) if model is not None else None
        stable = model.default if model is not None else None
        is_other = stable is not None and stable.version != route.version
        self.stable = stable if is_other else None
        self.is_baking = _is_served(route.version, model)
        if self.view is not None and self.stable is not None:
            self._judge.excuse_batcher(_batcher_s(self.view, self.stable))
        is_usable = _are_alike(self.view, self.stable) and not self.stopped
        self.weight = route.weight if is_usable else 0.0
        self.shadow = route.shadow if is_usable else 0.0
        self.series.show_weight(self.weight)

    def leave(self, model: ModelView | None) -> None:
        """End with the rollout: unless the version is served for good now, calls are taken back."""
        self._is_over = True
        self.weight = self.shadow = 0.0
        if not _is_served(self.route.version, model):
            self.under_way.recall()
        self.series.hide()

    def ended(self, end: CanaryEnd, duration_s: float) -> None:
        """Judge one call."""
        self.series.ends[end].pending += 1
        self._heed(self._judge.canary_ended(end, duration_s, self._clock()))
        if self._is_over:
            self.series.write_down()  # nobody else does any more

    def compared(self, *, agreed: bool) -> None:
        """Judge one copy's answer."""
        self._heed(self._judge.compared(agreed=agreed))

    def stable_ended(self, outcome: Outcome, duration_s: float) -> None:
        """Learn what stable does meanwhile."""
        if outcome is Outcome.SUCCESS:
            self._judge.stable_ended(failed=False, duration_s=duration_s)
        elif outcome is Outcome.FAILURE:
            self._judge.stable_ended(failed=True, duration_s=duration_s)

    def _heed(self, judgement: Judgement | None) -> None:
        if judgement is None or self.stopped or self._is_over:
            return
        self.stopped, self.stopped_at = judgement.reason, self._wall_clock()
        self.weight = self.shadow = 0.0
        self.under_way.recall()
        self.series.stopped.pending += 1
        self.series.show_weight(0.0)
        _log.warning(
            "canary_stopped",
            model=self.model,
            version=self.route.version,
            rollout=self.route.rollout,
            reason=self.stopped,
        )
        self._on_stop(self)


def _batcher_s(view: VersionView, stable: VersionView) -> float:
    """Give how long the batchers of both wait; what the canary's waits beyond that is its own."""
    return min(shape_of(view).batch_delay_s, shape_of(stable).batch_delay_s)


def _are_alike(view: VersionView | None, stable: VersionView | None) -> bool:
    """Whether requests may go to either: both can answer, and no request needs those before it."""
    if view is None or stable is None:
        return False
    contracts = (view.contract, stable.contract)
    return view.ready and not any(one.stateful or one.decoupled for one in contracts)


def _is_served(version: int, model: ModelView | None) -> bool:
    """Whether the version is one of those for all requests."""
    return model is not None and model.route is not None and version in model.route.live
