"""What webhooks agree to is the step that they were asked about."""

import asyncio
from dataclasses import replace

from control.controller.rollouts.performer import Performer
from control.controller.rollouts.works import Works
from control.controller.webhooks.webhooks import Answer
from control.core.canary_policy import CanaryPolicy, Isolation
from control.core.judge_counts import JudgeCounts
from control.core.rollout import decide
from control.core.rollout_begin import adopt
from control.core.rollout_facts import Facts, Work
from control.core.rollout_orders import pause, resume
from control.core.rollout_phases import Phase
from control.core.rollout_policy import follow
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.core.rollout_work import work_due
from control.core.step_watch import StepSeen
from tests.support.polls import eventually

POLICY = CanaryPolicy(step_weights=(5.0, 20.0, 50.0), minimum_samples=5)


class Hooks:
    """Agrees to everything, when it may."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.may_answer = asyncio.Event()

    def has(self, _kind: object) -> bool:
        """Nobody is asked for a rollback."""
        return False

    async def ask(self, _kind: object, about) -> Answer:
        """Take a step's weight down."""
        self.asked.append(about.weight)
        await self.may_answer.wait()
        return Answer(ok=True)


class Scene:
    """A canary at 5 % of the requests, whose step has all that it needs."""

    def __init__(self) -> None:
        self.works = Works(asyncio.Event())
        self.hooks = Hooks()
        self.performer = Performer(self.works, None, None, self.hooks)
        known = VersionRecord(2, Phase.CANARY, "", 1.0, "d2")
        rollout = Rollout(
            "attempt", 2, 1, Isolation.SAME_SERVER, 1.0, POLICY, weight=5.0, step_since_s=10.0
        )
        adopted = adopt("m", {1: "d1"}, (), 1.0)
        versions = {**adopted.versions, 2: known}
        self.record: ModelRecord = replace(adopted, versions=versions, rollout=rollout)

    def facts(self) -> Facts:
        """What is known at the end of a step."""
        rollout = self.record.rollout
        return Facts(
            ready=frozenset({1, 2}),
            done=self.works.done("attempt", rollout.step_since_s),
            counts=JudgeCounts(calls=500, stable_calls=5000),
            step=StepSeen(60.0, 100),
        )

    def look(self, now_s: float) -> str:
        """Look as the driver does; give the step that is taken, or nothing."""
        step = decide(self.record, self.facts(), now_s)
        if step is None:
            self.performer.begin(self.record, work_due(self.record, self.facts()))
            return ""
        self.record = step.record
        return step.action

    async def answered(self) -> None:
        """Wait until the services have agreed to the present step."""
        self.hooks.may_answer.set()
        await eventually(lambda: Work.ASK_STEP in self.facts().done, "they have answered")


async def test_a_step_that_begins_anew_is_asked_about_anew():
    """They agreed just as an operator paused it, and that is an hour ago."""
    scene = Scene()
    assert scene.look(70.0) == ""
    await asyncio.sleep(0)
    scene.record = pause(scene.record, "lunch").record
    await scene.answered()
    scene.record = resume(scene.record, "", 5000.0).record
    assert scene.look(5060.0) == ""
    await scene.answered()
    assert scene.hooks.asked == [5.0, 5.0]
    assert scene.look(5061.0) == "canary_weight"


async def test_a_weight_that_comes_again_is_asked_about_again():
    """A contract has taken the canary back to where it was."""
    scene = Scene()
    scene.look(70.0)
    await scene.answered()
    assert scene.look(71.0) == "canary_weight"
    said = replace(POLICY, step_weights=(5.0, 50.0))
    back = follow(scene.record.rollout, Phase.CANARY, said, 100.0)
    scene.record = replace(scene.record, rollout=back)
    assert scene.record.rollout.weight == 5.0
    assert scene.look(200.0) == ""
    await scene.answered()
    assert scene.hooks.asked == [5.0, 5.0]
    assert scene.look(201.0) == "canary_weight"
