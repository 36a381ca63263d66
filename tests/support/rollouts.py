"""A desk that steers real rollouts, over a real store, without anything that drives them on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.desk import RolloutDesk
from control.controller.rollouts.lead import Lead
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.reports import CanaryReports
from control.controller.rollouts.works import Works
from control.core.canary_policy import Isolation
from control.core.judge_counts import JudgeCounts
from control.core.rollout import Step
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.link.events import CanaryReport
from control.state.audit import Act
from control.state.store import StateStore

#: 2023-11-14, 22:13:20 UTC.
NOW_S = 1_700_000_000.0
COUNTS = JudgeCounts(
    calls=21, failures=1, clocked=15, timed=12, over_stable=2, stable_calls=400, stable_failures=3
)


def _ignore(_: object = None) -> None:
    """Nobody follows."""


class Rollouts:
    """The desk, and what stands behind it."""

    def __init__(
        self, store: StateStore, repository: Path, take_effect: Callable[[], None] = _ignore
    ) -> None:
        self.book = RolloutBook(store.rollouts)
        self.reports = CanaryReports(_ignore)
        self.works = Works(asyncio.Event())
        policies = Policies(repository)
        self.lead = Lead(store.leases, "host")
        self.desk = RolloutDesk(
            self.book, self.reports, policies, self.works, self.lead, take_effect
        )

    def keep(self, record: ModelRecord) -> ModelRecord:
        """Put a record in the place of the model's present one."""
        act = Act("test", "test", NOW_S)
        before = self.book.record(record.model)
        return self.book.commit(before, Step(record, "prepared", ""), act)

    def hear(self, rollout: str, counts: JudgeCounts, gateway: str = "1") -> None:
        """Take what a gateway has counted."""
        self.reports.hear(CanaryReport(gateway, "m", rollout, 2, counts))


def canary(model: str = "m", **rollout: object) -> ModelRecord:
    """A model whose version 2 answers 5 % of the requests, and whose version 1 answers the rest."""
    versions = {
        1: VersionRecord(1, Phase.LIVE, "it was there at the first start", NOW_S, "d1"),
        2: VersionRecord(2, Phase.CANARY, "it answers 5 % of the requests", NOW_S, "d2"),
        3: VersionRecord(3, Phase.REJECTED, "it does not load: no model.py", NOW_S, fault="gone"),
    }
    now = Rollout(f"r-{model}", 2, 1, Isolation.SAME_SERVER, NOW_S, step_since_s=NOW_S, weight=5.0)
    return ModelRecord(model, 0, 1, None, versions, replace(now, **rollout))  # type: ignore[arg-type]


def settled(model: str = "m") -> ModelRecord:
    """The same model with nothing under way: version 2 is rejected."""
    record = canary(model)
    rejected = replace(record.versions[2], phase=Phase.REJECTED, reason="it answers NaN")
    return replace(record, rollout=None, versions={**record.versions, 2: rejected})
