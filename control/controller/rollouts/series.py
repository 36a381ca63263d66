"""The series of rollouts, for those who alert on them: gateways show them with their own."""

from collections.abc import Mapping
from typing import Final

from control.controller.forever import run_for_ever
from control.controller.rollouts.book import RolloutBook
from control.core.rollout import Step
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import under_way
from control.observability.rollout_metrics import RolloutOutcomes
from control.observability.shared import NO_DATA

_INTERVAL_S: Final = 0.5
_OUTCOMES: Final = (Phase.LIVE, Phase.ROLLED_BACK, Phase.REJECTED)

#: Model, version, phase.
_Standing = tuple[str, str, str]


class RolloutSeries:
    """Belongs to the event loop, but for ``count``, which any thread may call."""

    def __init__(self, metrics: RolloutOutcomes, book: RolloutBook) -> None:
        """Show how the rollouts in ``book`` stand, and count those that end here."""
        self._metrics = metrics
        self._book = book
        self._shown: set[_Standing] = set()
        self._counted: set[str] = set()
        book.on_change(self.count)

    async def run(self) -> None:
        """Show them for ever."""
        await run_for_ever("rollout_series", self.show, _INTERVAL_S)

    def show(self) -> None:
        """Show the phase of each version under way; another controller may have moved it."""
        records = self._book.records()
        for model in records.keys() - self._counted:
            for phase in _OUTCOMES:  # from 0 on: a first rollback is an increase too
                self._metrics.ended.labels(model, phase.value)
        self._counted |= records.keys()
        standing = _standing(records)
        for labels in self._shown - standing:
            self._metrics.phase.labels(*labels).set(NO_DATA)
        for labels in standing:
            self._metrics.phase.labels(*labels).set(1)
        self._shown = standing

    def count(self, before: ModelRecord | None, step: Step) -> None:
        """Count a rollout that a step of ours has ended."""
        if before is None or before.rollout is None or step.record.rollout is not None:
            return
        outcome = step.record.versions[before.rollout.version].phase.value
        self._metrics.ended.labels(step.record.model, outcome).inc()


def _standing(records: Mapping[str, ModelRecord]) -> set[_Standing]:
    going = [(model, under_way(one)) for model, one in records.items()]
    return {
        (model, str(one[1].version), one[1].phase.value) for model, one in going if one is not None
    }
