"""Drives every rollout: gathers what is known, decides, makes it durable, starts what comes next.

Nothing is acted on that is not in the database yet. Whoever leads goes forward; taking a bad
version back is anybody's.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from control.controller.forever import run_for_ever
from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.desk import new_rollout
from control.controller.rollouts.evidence import FactsGatherer
from control.controller.rollouts.lead import Lead
from control.controller.rollouts.performer import Performer
from control.core.rollout import Step, decide, take_back
from control.core.rollout_begin import begin, next_version, notice
from control.core.rollout_facts import Facts
from control.core.rollout_record import ModelRecord
from control.core.rollout_work import work_due
from control.errors import StateConflict, StateUnavailable
from control.observability.logs import get_logger
from control.state.audit import Act
from control.state.leases import Lease

_INTERVAL_S: Final = 0.2
_RELOAD_S: Final = 1.0
#: A rollout takes a few steps at once at most; more would be a circle.
_MOST_STEPS: Final = 32
_OURSELVES: Final = "seawall"

_log = get_logger("rollouts")


class RolloutDriver:
    """Belongs to the event loop."""

    def __init__(
        self,
        book: RolloutBook,
        evidence: FactsGatherer,
        performer: Performer,
        lead: Lead,
        wake: asyncio.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Decide on the records of ``book`` by ``evidence``; ``performer`` does what takes time."""
        self._book = book
        self._evidence = evidence
        self._performer = performer
        self._lead = lead
        self._clock = clock
        self._reload_s = 0.0
        self._wake = wake

    async def run(self) -> None:
        """Tick for ever, at once when woken."""
        await run_for_ever("rollouts", self.tick, _INTERVAL_S, self._wake)

    async def tick(self) -> None:
        """Take every step that can be taken now."""
        try:
            await self._reload()
            for model in sorted({*self._book.records(), *self._evidence.models()}):
                await self._advance(model)
        except StateUnavailable as error:
            _log.warning("rollouts_wait", reason=error.message)
        attempts = {
            one.rollout.rollout for one in self._book.records().values() if one.rollout is not None
        }
        self._performer.forget_others(attempts)
        self._evidence.forget_others(attempts)

    async def _reload(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._reload_s:
            await asyncio.to_thread(self._book.reload)
            self._reload_s = now_s + _RELOAD_S

    async def _advance(self, model: str) -> None:
        # What is decided under a lease is kept under it: whoever loses it meanwhile comes late.
        lease, taken, most = self._lead.lease, 0, _MOST_STEPS
        while taken < most:
            record = self._book.record(model)
            step = await self._next_step(model, record, lease)
            if step is None:
                return
            if not await self._take(record, step, lease):
                return
            taken += 1
            # Besides, each version that is new or gone takes one.
            most = max(most, _MOST_STEPS + 2 * len(step.record.versions))
        _log.error("rollout_in_a_circle", model=model)

    async def _next_step(
        self, model: str, record: ModelRecord | None, lease: Lease | None
    ) -> Step | None:
        if lease is None:
            return self._take_back(record)
        if record is None:
            return Step(ModelRecord(model), "model_detected", "its folder has appeared")
        facts = await self._evidence.gather(record)
        now_s = self._clock()
        step = notice(record, facts.folders, now_s) if facts.folders is not None else None
        step = step or decide(record, facts, now_s) or await self._begin(record, facts, now_s)
        if step is None:
            self._performer.begin(record, work_due(record, facts))
        return step

    async def _begin(self, record: ModelRecord, facts: Facts, now_s: float) -> Step | None:
        version = next_version(record, facts.folders or {})
        if version is None:
            return None
        policy = await self._evidence.policy(record.model, version)
        if policy is None:
            return None
        return begin(record, version, policy, new_rollout(), now_s)

    def _take_back(self, record: ModelRecord | None) -> Step | None:
        """Roll back what our gateways have stopped, or found out together, whoever leads."""
        if record is None or record.rollout is None:
            return None
        rollout, evidence = record.rollout.rollout, self._evidence
        stopped, counts = evidence.stopped(rollout), evidence.counts(rollout)
        return take_back(record, stopped, counts, self._clock())

    async def _take(self, record: ModelRecord | None, step: Step, lease: Lease | None) -> bool:
        """Make a step durable; False where another was quicker: the next tick sees what won."""
        act = Act(_OURSELVES, "", self._clock(), step.reason)
        try:
            await asyncio.to_thread(self._book.commit, record, step, act, lease)
        except StateConflict as error:
            _log.info("rollout_step_came_late", model=step.record.model, reason=error.message)
            return False
        return True
