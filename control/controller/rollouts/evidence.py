"""Gathers what is known of a model: its folders, its loaded versions, its canary's outcomes."""

import asyncio
import time
from collections.abc import Iterable
from typing import Final

import msgspec

from control.controller.loop import ControllerState
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.reports import CanaryReports
from control.controller.rollouts.works import Works
from control.core.canary_policy import CanaryPolicy
from control.core.contract import derive_contract
from control.core.judge_counts import JudgeCounts
from control.core.rollout_facts import Facts, SourceFolder, Work
from control.core.rollout_record import ModelRecord, Rollout
from control.core.step_watch import StepWatch
from control.repository.watch import RepositoryWatch
from control.triton.management import READY

#: A process that is being ended with its server looks dead for a moment.
_DEAD_FOR_GOOD_S: Final = 1.0
_Config = dict[str, object]


class FactsGatherer:
    """Belongs to the event loop."""

    def __init__(
        self,
        state: ControllerState,
        watch: RepositoryWatch,
        reports: CanaryReports,
        policies: Policies,
        works: Works,
    ) -> None:
        """Look at all of these."""
        self._state = state
        self._watch = watch
        self._reports = reports
        self._policies = policies
        self._works = works
        self._dead_since_s: dict[str, float] = {}
        self._steps = StepWatch(time.monotonic())

    def models(self) -> Iterable[str]:
        """Name the models that have a folder with a version in the source repository."""
        return {model for model, _ in self._watch.drops() or {}}

    async def policy(self, model: str, version: int) -> CanaryPolicy:
        """Give the policy that a version's rollout begins with."""
        return await asyncio.to_thread(self._policies.at_begin, model, version)

    def counts(self, rollout: str) -> JudgeCounts:
        """Give what gateways have counted."""
        return self._reports.counts(rollout)

    def stopped(self, rollout: str) -> str:
        """Give why a rollout has to end: by a gateway, its server, a webhook; or empty."""
        asked = self._works.done(rollout, 0).get(Work.ASK_ROLLBACK)
        wanted_out = asked.detail if asked is not None and asked.is_good else ""
        return self._reports.stopped(rollout) or self._works.stopped(rollout) or wanted_out

    def forget_others(self, rollouts: set[str]) -> None:
        """Forget attempts that are over."""
        self._reports.forget_others(rollouts)
        self._steps.forget_others(rollouts)
        for name in self._dead_since_s.keys() - rollouts:
            del self._dead_since_s[name]

    async def gather(self, record: ModelRecord) -> Facts:
        """Give what is known now."""
        rollout = record.rollout
        model = record.model
        folders = self._folders(model)
        here, apart = self._ready(model)
        if rollout is None:
            return Facts(folders, here, apart)
        policy = await asyncio.to_thread(self._policies.said, model, rollout.version)
        counts = self.counts(rollout.rollout)
        states = self._state.states(model) or {}
        return Facts(
            folders=folders,
            ready=here,
            ready_apart=apart,
            loaded=frozenset(one for one, state in states.items() if state == READY),
            done=self._works.done(rollout.rollout, rollout.weight),
            counts=counts,
            step=self._steps.look(rollout, counts.calls, time.time(), time.monotonic()),
            stopped=self.stopped(rollout.rollout) or self._death(model, rollout),
            can_be_split=self._can_be_split(model),
            has_slot=not self._works.is_running(Work.VERIFY),
            policy=policy,
        )

    def _folders(self, model: str) -> dict[int, SourceFolder] | None:
        drops = self._watch.drops()
        if drops is None:
            return None
        return {
            one.version: SourceFolder(one.state, one.digest, one.reason)
            for one in drops.values()
            if one.model == model
        }

    def _ready(self, model: str) -> tuple[frozenset[int], frozenset[int]]:
        ready = [one for one in self._state.versions if one.model == model and one.ready]
        here = frozenset(one.version for one in ready if not one.upstream)
        if self._state.index is None:
            here = frozenset()  # what is known is from before the main tritonserver went away
        return here, frozenset(one.version for one in ready if one.upstream)

    def _death(self, model: str, rollout: Rollout) -> str:
        """Say that the process of a loaded version is dead, and stays so; empty where it is not.

        Who has traffic is found out sooner, by gateways.
        """
        name, now_s = rollout.rollout, time.monotonic()
        reason = self._death_now(model, rollout.version)
        if not reason:
            self._dead_since_s.pop(name, None)
            return ""
        is_old = now_s - self._dead_since_s.setdefault(name, now_s) >= _DEAD_FOR_GOOD_S
        return reason if is_old else ""

    def _death_now(self, model: str, version: int) -> str:
        for one in self._state.versions:
            if (one.model, one.version) == (model, version) and one.loaded:
                return one.reason
        return ""

    def _can_be_split(self, model: str) -> bool:
        """Whether gateways may choose a version for each request: as they see it."""
        configs = [one.config_json for one in self._state.versions if one.model == model]
        contracts = [derive_contract(msgspec.json.decode(one, type=_Config)) for one in configs]
        return not any(one.stateful or one.decoupled for one in contracts)
