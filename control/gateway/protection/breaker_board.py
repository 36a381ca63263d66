"""The breakers of all versions: asks the machines, refuses callers, logs and counts what moves.

Belongs to the event loop; what only reads may be called from any thread.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from control.core.breaker import BreakerMachine
from control.core.breaker_states import BreakerState, Refused, Ticket, Transition
from control.core.outcome import Outcome
from control.core.snapshot import Snapshot, VersionView
from control.errors import CircuitOpen
from control.observability.logs import get_logger
from control.observability.metrics import GatewayMetrics
from control.observability.shared import NO_DATA

__all__ = ["Breaker", "BreakerBoard", "BreakerStatus", "Ticket"]

_IN_WORDS: Final = {
    BreakerState.OPEN: "is open",
    BreakerState.HALF_OPEN: "is half open, with all its probes under way",
    BreakerState.FORCED_OPEN: "is forced open",
}

_log = get_logger("breaker")


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """One breaker as it stands. Rates are None without any call; HALF_OPEN shows its probes.

    ``reason`` says why it last left HALF_OPEN, CLOSED or an order.
    """

    model: str
    version: int
    state: BreakerState
    failure_rate_percent: float | None
    slow_call_rate_percent: float | None
    calls: int
    retry_after_s: float
    reason: str


class Breaker:
    """One version's breaker."""

    __slots__ = ("_clock", "_machine", "_series", "view")

    def __init__(
        self, view: VersionView, metrics: GatewayMetrics, clock: Callable[[], float]
    ) -> None:
        """Begin as the version's protection and an operator's order say."""
        self.view = view
        self._clock = clock
        self._machine = BreakerMachine(view.protection.breaker)
        self._series = _Series(view, metrics)
        self._series.show(self._machine.state)
        self._machine.order(view.order.breaker, view.order.breaker_epoch, clock())
        self._publish()

    def ask(self) -> Ticket:
        """Give leave for one call, to be ended once; raises CircuitOpen."""
        given = self._machine.ask(self._clock())
        if self._machine.has_news:
            self._publish()
        if isinstance(given, Ticket):
            return given
        self._series.refused()
        raise self._refusal(given)

    def end(self, ticket: Ticket, outcome: Outcome, duration_s: float | None = None) -> None:
        """Learn how a call ended; a second end is none. No duration: all the time since ``ask``."""
        now_s = self._clock()
        if duration_s is None:
            duration_s = now_s - ticket.given_s
        self._machine.end(ticket, outcome, duration_s, now_s)
        if self._machine.has_news:
            self._publish()

    def open_at_once(self, reason: str, ticket: Ticket | None = None) -> None:
        """Open without waiting for more failures, unless the ``ticket``'s call is an old one."""
        self._machine.open_at_once(reason, self._clock(), ticket)
        self._publish()

    def timed_out_fairly(self, allowed_s: float) -> bool:
        """Whether a model that did not answer within ``allowed_s`` is to blame."""
        return self._machine.timed_out_fairly(allowed_s)

    @property
    def lets_all_pass(self) -> bool:
        """Whether it is closed, or ordered not to open."""
        return self._machine.state not in _IN_WORDS

    def is_calling_useful(self) -> bool:
        """Whether a call might be given leave now."""
        return self._machine.is_calling_useful(self._clock())

    def learn(self, view: VersionView) -> None:
        """Follow a newer view: its policy, its order, and whether Triton has loaded it anew."""
        if view is self.view:
            return
        before, self.view = self.view, view
        now_s = self._clock()
        self._machine.reconfigure(view.protection.breaker, now_s)
        self._machine.order(view.order.breaker, view.order.breaker_epoch, now_s)
        if view.ready and not before.ready:
            self._machine.recovered(now_s)
        self._publish()

    def forget(self) -> None:
        """Show nothing any more; calls under way may still end here."""
        self._series.hide()

    def status(self) -> BreakerStatus:
        """Tell how it stands."""
        machine, now_s = self._machine, self._clock()
        counts = machine.counts(now_s)
        return BreakerStatus(
            model=self.view.model,
            version=self.view.version,
            state=machine.state,
            failure_rate_percent=counts.failure_rate_percent,
            slow_call_rate_percent=counts.slow_call_rate_percent,
            calls=counts.total,
            retry_after_s=machine.retry_after_s(now_s),
            reason=machine.reason,
        )

    def _publish(self) -> None:
        for transition in self._machine.take_transitions():
            self._series.moved(transition)

    def _refusal(self, refused: Refused) -> CircuitOpen:
        state, after_s = _IN_WORDS[refused.state], max(1, math.ceil(refused.retry_after_s))
        message = (
            f"model '{self.view.model}' version {self.view.version} is not called: its breaker"
            f" {state} ({refused.reason}); try again in {after_s} s"
        )
        return CircuitOpen(message, retry_after_s=after_s)


class BreakerBoard:
    """The breakers by model and version. ``learn`` follows the snapshots."""

    def __init__(
        self, metrics: GatewayMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin without any."""
        self._metrics = metrics
        self._clock = clock
        self._breakers: dict[tuple[str, int], Breaker] = {}

    def of(self, view: VersionView) -> Breaker:
        """Give the version's breaker. An old view changes nothing: requests outlive snapshots."""
        breaker = self._breakers.get((view.model, view.version))
        if breaker is None:
            breaker = Breaker(view, self._metrics, self._clock)
            self._breakers[view.model, view.version] = breaker
        return breaker

    def learn(self, snapshot: Snapshot) -> None:
        """Follow policies, orders and reloads, and forget versions that are gone."""
        views = {
            (name, number): view
            for name, model in snapshot.models.items()
            for number, view in model.versions.items()
        }
        for key in self._breakers.keys() - views.keys():
            self._breakers.pop(key).forget()
        for view in views.values():
            self.of(view).learn(view)

    def is_well(self, view: VersionView) -> bool:
        """Whether every call of the version is given leave now: its breaker does not probe."""
        return self.of(view).lets_all_pass

    def is_calling_useful(self, view: VersionView) -> bool:
        """Whether a call of the version might be given leave now; makes no breaker."""
        breaker = self._breakers.get((view.model, view.version))
        return breaker is None or breaker.is_calling_useful()

    def statuses(self) -> list[BreakerStatus]:
        """Tell how all of them stand."""
        return [breaker.status() for breaker in list(self._breakers.values())]


class _Series:
    """The log lines and series of one breaker."""

    __slots__ = ("_labels", "_metrics", "_refusals", "_shown")

    def __init__(self, view: VersionView, metrics: GatewayMetrics) -> None:
        self._labels = (view.model, str(view.version))
        self._metrics = metrics
        self._refusals = metrics.calls_not_permitted.labels(*self._labels)
        self._shown = True

    def show(self, state: BreakerState) -> None:
        for one in BreakerState:
            self._metrics.breaker_state.labels(*self._labels, one.value).set(one is state)

    def hide(self) -> None:
        self._shown = False
        for one in BreakerState:
            self._metrics.breaker_state.labels(*self._labels, one.value).set(NO_DATA)

    def refused(self) -> None:
        self._refusals.inc()

    def moved(self, transition: Transition) -> None:
        if not self._shown:
            return
        self.show(transition.after)
        after = transition.after.value
        self._metrics.breaker_transitions.labels(*self._labels, after).inc()
        write = _log.warning if transition.after is BreakerState.OPEN else _log.info
        model, version = self._labels
        write(
            "breaker_moved",
            model=model,
            version=version,
            before=transition.before.value,
            after=after,
            reason=transition.reason,
        )
