"""Takes operators' orders on rollouts, and shows how they stand."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.lead import Lead
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.reports import CanaryReports
from control.controller.rollouts.works import Works
from control.core.judge_counts import JudgeCounts
from control.core.rollout import Step
from control.core.rollout_begin import begin, may_begin
from control.core.rollout_orders import (
    Ordered,
    other_than,
    pause,
    promote_now,
    resume,
    roll_back,
    set_weight,
)
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import route_of
from control.core.routes import Route
from control.errors import ModelNotFound, StateConflict
from control.state.audit import Act
from control.state.rollout_rows import EndedRollout

#: The driver changes records too: an order that comes just beside one of its steps is given again.
_TRIES: Final = 5


class RolloutDesk:
    """Any thread may call. Raises ModelNotFound, StateConflict, StateUnavailable."""

    def __init__(
        self,
        book: RolloutBook,
        reports: CanaryReports,
        policies: Policies,
        works: Works,
        lead: Lead,
        take_effect: Callable[[], None],
    ) -> None:
        """Change the records of ``book``; ``take_effect`` returns when gateways follow them."""
        self._book = book
        self._reports = reports
        self._policies = policies
        self._works = works
        self._lead = lead
        self._take_effect = take_effect

    def models(self) -> list[str]:
        """Name all models that have a record."""
        return sorted(self._book.records())

    def show(self, model: str) -> ModelRecord:
        """Give a model's record."""
        record = self._book.record(model)
        if record is None:
            message = f"there is no model '{model}'"
            raise ModelNotFound(message)
        return record

    def counts(self, model: str) -> JudgeCounts:
        """Give what all gateways have counted in the rollout that is under way."""
        rollout = self.show(model).rollout
        return JudgeCounts() if rollout is None else self._reports.counts(rollout.rollout)

    def held_up_by(self, model: str) -> str:
        """Say why the rollout under way cannot go on now; empty where nothing is in its way."""
        rollout = self.show(model).rollout
        if rollout is None:
            return ""
        reasons = (self._lead.held_up_by(), self._works.held_up_by(rollout.rollout))
        return "; ".join(filter(None, reasons))

    def history(self, model: str, limit: int) -> list[EndedRollout]:
        """Give at most ``limit`` attempts that have ended, the last one first."""
        self.show(model)
        return self._book.history(model, limit)

    def route(self, model: str) -> Route:
        """Say where the model's requests go."""
        return route_of(self.show(model))

    def start(self, act: Act, model: str, version: int) -> ModelRecord:
        """Roll a version out that waits, or has ended before."""

        def order(record: ModelRecord, now_s: float) -> Ordered:
            refusal = may_begin(record, version)
            if refusal:
                return refusal
            policy = self._policies.at_begin(model, version)
            return begin(record, version, policy, new_rollout(), now_s)

        return self._give(act, model, order)

    def pause(self, act: Act, model: str, version: int | None = None) -> ModelRecord:
        """Let the rollout stand where it is; raises where ``version`` is given, and not its own."""
        return self._steer(act, model, version, lambda one, _: pause(one, act.reason))

    def resume(self, act: Act, model: str, version: int | None = None) -> ModelRecord:
        """Let it go on by its steps."""
        return self._steer(act, model, version, lambda one, now_s: resume(one, act.reason, now_s))

    def promote(self, act: Act, model: str, version: int | None = None) -> ModelRecord:
        """Give the version all requests now; or make it live, if it has baked for its time."""
        return self._steer(
            act, model, version, lambda one, now_s: promote_now(one, act.reason, now_s)
        )

    def rollback(self, act: Act, model: str, version: int | None = None) -> ModelRecord:
        """Take the version out now."""
        return self._steer(
            act, model, version, lambda one, now_s: roll_back(one, act.reason, now_s)
        )

    def set_weight(
        self, act: Act, model: str, weight: float, version: int | None = None
    ) -> ModelRecord:
        """Give the canary this percent of the requests."""
        return self._steer(act, model, version, lambda one, _: set_weight(one, weight, act.reason))

    def _steer(
        self,
        act: Act,
        model: str,
        version: int | None,
        order: Callable[[ModelRecord, float], Ordered],
    ) -> ModelRecord:
        """Give an order on the attempt that is under way now, and on none that follows it."""
        meant = self.show(model).rollout

        def on_that(record: ModelRecord, now_s: float) -> Ordered:
            now = record.rollout
            if now is not None and (meant is None or now.rollout != meant.rollout):
                return f"the rollout of version {now.version} has begun just now: look again"
            return other_than(record, version) or order(record, now_s)

        return self._give(act, model, on_that)

    def _give(
        self,
        act: Act,
        model: str,
        order: Callable[[ModelRecord, float], Ordered],
        tries: int = _TRIES,
    ) -> ModelRecord:
        record = self.show(model)
        step = order(record, time.time())
        if not isinstance(step, Step):
            message = f"model '{model}': {step}"
            raise StateConflict(message)
        try:
            after = self._book.commit(record, step, act)
        except StateConflict:
            if tries == 1:
                raise
            return self._give(act, model, order, tries - 1)
        self._take_effect()
        return after


def new_rollout() -> str:
    """Draw the name of an attempt."""
    return secrets.token_hex(8)
