"""A model's rollout told in a test: folders, facts and time go in, steps come out."""

from dataclasses import dataclass, field, replace

from control.core.canary_policy import DEFAULT_CANARY, CanaryPolicy, Isolation, ShadowPolicy
from control.core.judge_counts import JudgeCounts
from control.core.rollout import Step, decide
from control.core.rollout_begin import adopt, begin, next_version, notice
from control.core.rollout_facts import DropState, Facts, Result, SourceFolder, Work
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.core.rollout_work import work_due
from control.core.step_watch import HEARD_S, StepWatch

GOOD = Result(is_good=True)
POLICY = CanaryPolicy(
    step_weights=(10.0, 50.0), interval_s=10.0, minimum_samples=20, bake_time_s=60.0
)
SHADOWED = replace(POLICY, shadow=ShadowPolicy(percent=20.0, requests=30))
APART = replace(POLICY, isolation=Isolation.OWN_SERVER)


@dataclass
class Story:
    """A model with version 1 live, unless ``record`` says otherwise."""

    record: ModelRecord = field(default_factory=lambda: adopt("m", {1: "one"}, (), 0.0))
    facts: Facts = field(default_factory=lambda: Facts(folders={1: whole("one")}, policy=POLICY))
    watch: StepWatch = field(default_factory=lambda: StepWatch(100.0 - HEARD_S))
    now_s: float = 100.0
    steps: list[Step] = field(default_factory=list)

    def drop(self, version: int, digest: str = "") -> None:
        """Put a whole version into the repository."""
        self.folder(version, whole(digest or f"digest {version}"))

    def folder(self, version: int, folder: SourceFolder | None) -> None:
        """Put a version's folder into the repository as it is, or take it away."""
        kept = {n: one for n, one in (self.facts.folders or {}).items() if n != version}
        if folder is not None:
            kept[version] = folder
        self.facts = replace(self.facts, folders=kept)

    def did(self, work: Work, result: Result = GOOD) -> None:
        """Let a piece of work end."""
        self.facts = replace(self.facts, done={**self.facts.done, work: result})

    def counted(self, calls: int, **counts: int) -> None:
        """Let the gateways have counted so much in all."""
        self.facts = replace(self.facts, counts=JudgeCounts(calls=calls, **counts))

    def knows(self, **facts: object) -> None:
        """Let something else be so from now on."""
        self.facts = replace(self.facts, **facts)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def go(self) -> list[str]:
        """Take all steps that can be taken; give their names."""
        taken: list[Step] = []
        while len(taken) < 50:
            step = self._next()
            if step is None:
                self.steps += taken
                return [one.action for one in taken]
            before, self.record = self.record.rollout, step.record
            taken.append(step)
            if self.record.rollout is None:
                self.facts = replace(self.facts, done={}, counts=JudgeCounts(), stopped="")
            elif before is not None and before.step_since_s != self.record.rollout.step_since_s:
                kept = {k: v for k, v in self.facts.done.items() if k is not Work.ASK_STEP}
                self.facts = replace(self.facts, done=kept)
        message = f"a circle: {[one.action for one in taken]}"
        raise AssertionError(message)

    def due(self) -> Work | None:
        """The work that is waited for."""
        return work_due(self.record, self._looked())

    def phase(self, version: int) -> Phase:
        """A version's phase."""
        return self.record.versions[version].phase

    def reason(self, version: int) -> str:
        """Why it is in its phase."""
        return self.record.versions[version].reason

    def to_canary(self, version: int = 2) -> None:
        """Bring a good version to its first weight."""
        self.drop(version)
        self.go()
        self.did(Work.STAGE, Result(is_good=True, detail=f"digest {version}"))
        self.go()
        self.did(Work.VERIFY)
        self.did(Work.ASK_PRE_ROLLOUT)
        self.go()
        assert self.record.rollout is not None
        apart = self.record.rollout.isolation is Isolation.OWN_SERVER
        which = "ready_apart" if apart else "ready"
        self.knows(**{which: frozenset({1, version})})
        self.go()

    def to_baking(self, version: int = 2) -> None:
        """Bring a good version to all requests."""
        self.to_canary(version)
        for step in (1, 2):
            self.wait(10.0)
            self.counted(30 * step, stable_calls=300 * step)
            self.did(Work.ASK_STEP)
            self.go()
        self.knows(ready=frozenset({1, version}))
        self.go()

    def _next(self) -> Step | None:
        facts, now_s = self._looked(), self.now_s
        step = notice(self.record, facts.folders, now_s) if facts.folders is not None else None
        step = step or decide(self.record, facts, now_s)
        if step is not None:
            return step
        version = next_version(self.record, facts.folders or {})
        if version is None:
            return None
        name = f"attempt {len(self.steps)} {version}"
        return begin(self.record, version, facts.policy or DEFAULT_CANARY, name, now_s)

    def _looked(self) -> Facts:
        rollout = self.record.rollout
        if rollout is None:
            return self.facts
        seen = self.watch.look(rollout, self.facts.counts.calls, self.now_s, self.now_s)
        return replace(self.facts, step=seen)


def whole(digest: str) -> SourceFolder:
    """A folder that is complete."""
    return SourceFolder(DropState.COMPLETE, digest)
