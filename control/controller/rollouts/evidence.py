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
from control.core.rollout_route import live_versions
from control.core.step_watch import StepWatch
from control.lane import Lane
from control.repository.watch import RepositoryWatch
from control.triton.management import READY

#: A process that is being ended with its server looks dead for a moment.
_DEAD_FOR_GOOD_S: Final = 1.0
#: How many policies are read at once, how long the tick waits for one, and how long it is fresh.
_READ_AT_ONCE: Final = 2
_PATIENCE_S: Final = 0.5
_OUTDATED_S: Final = 5.0
_Config = dict[str, object]
_Key = tuple[str, int]


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
        self._lane = Lane("beginning", _READ_AT_ONCE)
        self._readings: dict[_Key, asyncio.Task[CanaryPolicy]] = {}

    def models(self) -> Iterable[str]:
        """Name the models that have a folder with a version in the source repository."""
        return {model for model, _ in self._watch.drops() or {}}

    async def policy(self, model: str, version: int) -> CanaryPolicy | None:
        """Give the policy that a version's rollout begins with; None while it is being read.

        It is waited for a moment only: other models go on, whatever keeps the repository.
        """
        key = (model, version)
        reading = self._readings.get(key)
        if reading is None:
            patience_s = 0.0 if self._readings else _PATIENCE_S  # one at a time is waited for
            reading = self._readings[key] = self._begin_to_read(key)
            await asyncio.wait({reading}, timeout=patience_s)
        if not reading.done():
            return None
        del self._readings[key]
        return reading.result()

    def _begin_to_read(self, key: _Key) -> asyncio.Task[CanaryPolicy]:
        """Read a policy beside; one that nobody has fetched for a while is outdated."""

        def forget() -> None:
            if self._readings.get(key) is reading:
                del self._readings[key]

        reading = asyncio.create_task(self._lane.do(self._policies.at_begin, *key))
        loop = asyncio.get_running_loop()
        reading.add_done_callback(lambda _: loop.call_later(_OUTDATED_S, forget))
        return reading

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
        counts = self.counts(rollout.rollout)
        states = self._state.states(model) or {}
        return Facts(
            folders=folders,
            ready=here,
            ready_apart=apart,
            loaded=frozenset(one for one, state in states.items() if state == READY),
            done=self._works.done(rollout.rollout, rollout.step_since_s),
            counts=counts,
            step=self._steps.look(rollout, counts.calls, time.time(), time.monotonic()),
            stopped=self.stopped(rollout.rollout) or self._death(model, rollout),
            can_be_split=self._can_be_split(model),
            alone=self._alone(record, here),
            has_slot=not self._works.is_running(Work.VERIFY),
            policy=self._policies.said(model, rollout.version),
        )

    def _alone(self, record: ModelRecord, here: frozenset[int]) -> str:
        """Say why no live version can answer; empty where one can, or that is not sure yet."""
        left_out = self._works.left_out.told_again(record.model)
        return "" if live_versions(record) & here else left_out

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
