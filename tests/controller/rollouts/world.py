"""All that a driver sees and does, scripted, around a real database: and it can be killed."""

import asyncio
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.driver import RolloutDriver
from control.controller.rollouts.works import WorkKey, Works
from control.core.canary_policy import CanaryPolicy
from control.core.judge_counts import JudgeCounts
from control.core.rollout import Step
from control.core.rollout_begin import adopt
from control.core.rollout_facts import DropState, Facts, Result, SourceFolder, Work
from control.core.rollout_record import ModelRecord
from control.core.rollout_route import versions_in_main
from control.core.step_watch import StepWatch
from control.errors import StateConflict
from control.state.audit import Act
from control.state.store import StateStore

POLICY = CanaryPolicy(
    step_weights=(10.0, 50.0), interval_s=10.0, minimum_samples=5, bake_time_s=20.0
)


class Killed(BaseException):
    """The controller has died here."""


class MortalBook(RolloutBook):
    """Dies at a chosen commit: just before it is durable, or just after."""

    def __init__(self, store: StateStore, dies_at: int, *, after: bool) -> None:
        super().__init__(store.rollouts)
        self._left = dies_at
        self._after = after

    def commit(self, before: ModelRecord | None, step: Step, act: Act, lease: Any = None) -> Any:
        """Make a step durable, unless this is the one."""
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        made = super().commit(before, step, act, lease)
        if self._left == 0:
            raise Killed
        return made


@dataclass
class World:
    """What lies outside of the controller, and outlives it: folders, loaded versions, calls."""

    store: StateStore
    folders: dict[int, SourceFolder] = field(default_factory=dict)
    loaded: set[int] = field(default_factory=lambda: {1})
    calls: int = 0
    failures: int = 0
    stopped: str = ""
    now_s: float = 1000.0
    #: What the clock on the wall is ahead of the one that nobody sets.
    ahead_s: float = 0.0
    done: list[tuple[str, Work]] = field(default_factory=list)

    def begin(self) -> None:
        """Let version 1 be live, and drop version 2."""
        record = adopt("m", {1: "one"}, (), self.now_s)
        step = Step(record, "model_adopted", "")
        RolloutBook(self.store.rollouts).commit(None, step, Act("seawall", "", self.now_s))
        self.folders = {
            1: SourceFolder(DropState.COMPLETE, "one"),
            2: SourceFolder(DropState.COMPLETE, "two"),
        }

    async def live(self, driver: RolloutDriver, book: RolloutBook, turns: int = 60) -> None:
        """Let time pass with this controller, until nothing happens any more."""
        for _ in range(turns):
            await driver.tick()
            await asyncio.sleep(0)
            record = book.record("m")
            if record is not None:
                self.loaded |= versions_in_main(record)
                self.loaded &= versions_in_main(record)
            self.now_s += 5.0
            self.calls += 4

    def controller(self, dies_at: int = 0, *, after: bool = False) -> tuple[Any, RolloutBook]:
        """Start a controller that knows nothing but what is kept."""
        wake = asyncio.Event()
        works = Works(wake)
        book = MortalBook(self.store, dies_at, after=after)
        lead = SimpleNamespace(lease=self.store.leases.acquire("rollouts", "one", 1000.0))
        evidence, performer = _Evidence(self, works), _Performer(self, works)
        driver = RolloutDriver(
            book,
            evidence,
            performer,
            lead,
            wake,
            clock=lambda: self.now_s + self.ahead_s,  # type: ignore[arg-type]
        )
        return driver, book

    def actions(self) -> list[str]:
        """What the audit trail tells, oldest first."""
        return [one.action for one in reversed(self.store.audit.load(200))]


class _Evidence:
    def __init__(self, world: World, works: Works) -> None:
        self._world, self._works = world, works
        self._steps = StepWatch(world.now_s)

    def models(self) -> set[str]:
        return {"m"}

    async def policy(self, _model: str, _version: int) -> CanaryPolicy:
        return POLICY

    def counts(self, _rollout: str) -> JudgeCounts:
        world = self._world
        return JudgeCounts(world.calls, world.failures, stable_calls=10 * world.calls)

    def stopped(self, _rollout: str) -> str:
        return self._world.stopped

    def forget_others(self, _rollouts: set[str]) -> None:
        pass

    async def gather(self, record: ModelRecord) -> Facts:
        world, rollout = self._world, record.rollout
        facts = Facts(dict(world.folders), frozenset(world.loaded))
        if rollout is None:
            return facts
        counts, wall_s = self.counts(rollout.rollout), world.now_s + world.ahead_s
        return replace(
            facts,
            done=self._works.done(rollout.rollout, rollout.step_since_s),
            counts=counts,
            step=self._steps.look(rollout, counts.calls, wall_s, world.now_s),
            stopped=world.stopped,
        )


class _Performer:
    def __init__(self, world: World, works: Works) -> None:
        self._world, self._works = world, works

    def begin(self, record: ModelRecord, due: Work | None) -> None:
        rollout = record.rollout
        if rollout is None or due is None:
            return
        since_s = rollout.step_since_s if due is Work.ASK_STEP else None
        self._world.done.append((rollout.rollout, due))
        self._works.start(WorkKey(rollout.rollout, due, since_s), self._do(due))

    async def _do(self, due: Work) -> Result:
        return Result(is_good=True, detail="two" if due is Work.STAGE else "")

    def forget_others(self, rollouts: set[str]) -> None:
        self._works.forget_others(rollouts)


__all__ = ["POLICY", "Killed", "StateConflict", "World"]
