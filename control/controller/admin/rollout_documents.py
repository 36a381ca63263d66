"""What the admin API shows of rollouts, and what it takes to steer them."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field

from control.controller.admin.fields import WHOLE, Document, Reason, moment
from control.core.canary_judge import judge
from control.core.judge_counts import JudgeCounts
from control.core.rollout_phases import Phase
from control.core.rollout_record import MOST_ENDED, ModelRecord, Rollout, VersionRecord
from control.state.rollout_rows import EndedRollout

PhaseName = Literal[
    "detected", "staged", "verifying", "loading", "shadowing", "canary", "promoting", "live",
    "rolled_back", "rejected", "retired",
]  # fmt: skip
Version = Annotated[int, Field(ge=1, le=2**63 - 1, description="A version of the model."), WHOLE]
_MEANT: Final = Field(
    ge=1,
    le=2**63 - 1,
    description="The version that is meant: 409 where another is under way. Null: whichever is.",
)
MeantVersion = Annotated[int, _MEANT, WHOLE] | None


class NewRollout(Document):
    """Which version is to be rolled out."""

    version: Version
    reason: Reason = ""


class RolloutOrder(Document):
    """An order on the rollout that is under way."""

    version: MeantVersion = None
    reason: Reason = ""


class NewWeight(Document):
    """The share that the canary is to get."""

    weight: float = Field(ge=0.0, le=100.0, description="Percent of the requests.")
    version: MeantVersion = None
    reason: Reason = ""


class RolloutVersion(BaseModel):
    """Where a version stands."""

    version: int
    phase: PhaseName
    reason: str = Field(description="Why it is in its phase.")
    since: datetime = Field(description="Since when it is in its phase.")
    digest: str = Field(description="Of the content that was copied; empty before that.")
    fault: str = Field(description="What is wrong with its folder by now; empty where nothing is.")

    @classmethod
    def of(cls, one: VersionRecord) -> Self:
        """Show a version."""
        return cls(
            version=one.version,
            phase=one.phase.value,
            reason=one.reason,
            since=moment(one.since_s),
            digest=one.digest,
            fault=one.fault,
        )


class RolloutCounts(BaseModel):
    """What all gateways have counted together since they first saw the rollout."""

    calls: int = Field(description="Judged calls of the canary.")
    failures: int = Field(description="Of those: failed, or answered wrongly.")
    crashes: int = Field(description="Of those: its process, or its server, died.")
    unconfirmed: int = Field(description="Failed calls that fail on stable too: not judged.")
    clocked: int = Field(description="Good calls whose duration counts.")
    over_max: int = Field(description="Of those: took longer than the contract allows.")
    timed: int = Field(description="Of those: could be compared with stable's durations.")
    over_stable: int = Field(description="Of those: took too long against stable.")
    stable_calls: int = Field(description="Calls of stable over the same time.")
    stable_failures: int = Field(description="Of those: failed.")
    stable_clocked: int = Field(description="Good calls of stable since the limit is as it is.")
    stable_over_max: int = Field(description="Of those: took longer than the contract allows.")
    stable_timed: int = Field(description="Of those: could be compared with stable itself.")
    stable_over_stable: int = Field(description="Of those: would be too long for a canary.")
    agreed: int = Field(description="Copied requests that both versions answered alike.")
    disagreed: int = Field(description="Copied requests that they answered differently.")

    @classmethod
    def of(cls, counts: JudgeCounts) -> Self:
        """Show counts, without what only the judge can read."""
        return cls(**{name: getattr(counts, name) for name in cls.model_fields})


class RolloutNow(BaseModel):
    """The rollout that is under way."""

    rollout: str = Field(description="Its name; each attempt has another.")
    version: int
    stable: int | None = Field(description="What it is measured against; null where nothing is.")
    phase: PhaseName
    isolation: Literal["same_server", "own_server"] = Field(description="Where the version runs.")
    started: datetime
    step: int = Field(description="Counts `weights`, from 0.")
    weights: list[float] = Field(description="Percent of the requests, step by step.")
    weight: float = Field(description="Percent of the requests that it gets now.")
    step_since: datetime | None = Field(description="Since when it is so; null before any step.")
    is_manual: bool = Field(description="An operator has set the weight: steps wait for `resume`.")
    is_paused: bool = Field(description="Steps wait for `resume`; it can still be rolled back.")
    held_up_by: str = Field(
        description="What is in its way, and is tried again; empty where nothing is."
    )
    verdict: Literal["passing", "inconclusive", "failing"] = Field(
        description="What the judge says now: only a passing canary gets the next weight."
    )
    verdict_reason: str = Field(description="Why, in numbers.")
    counts: RolloutCounts

    @classmethod
    def of(cls, one: Rollout, phase: Phase, counts: JudgeCounts, held_up_by: str) -> Self:
        """Show a rollout, judged by what has been counted by now."""
        judgement = judge(one.policy, counts)
        return cls(
            rollout=one.rollout,
            version=one.version,
            stable=one.stable,
            phase=phase.value,
            isolation=one.isolation.value,
            started=moment(one.started_s),
            step=one.step,
            weights=list(one.policy.weights),
            weight=one.weight,
            step_since=moment(one.step_since_s) if one.step_since_s else None,
            is_manual=one.is_manual,
            is_paused=one.is_paused,
            held_up_by=held_up_by,
            verdict=judgement.verdict.value,
            verdict_reason=judgement.reason,
            counts=RolloutCounts.of(counts),
        )


class ModelRollout(BaseModel):
    """All versions of a model, and the one that is under way."""

    model: str
    revision: int = Field(description="Rises with every change.")
    stable: int | None = Field(description="The version that requests go to; null without one.")
    previous: int | None = Field(description="Kept loaded for a rollback; null where none is.")
    versions: list[RolloutVersion]
    rollout: RolloutNow | None = Field(description="Null where nothing is under way.")

    @classmethod
    def of(cls, record: ModelRecord, counts: JudgeCounts, held_up_by: str) -> Self:
        """Show a model; ``counts`` and ``held_up_by`` are of the version under way."""
        now = record.rollout
        phase = None if now is None else record.versions[now.version].phase
        return cls(
            model=record.model,
            revision=record.revision,
            stable=record.stable,
            previous=record.previous,
            versions=[RolloutVersion.of(one) for _, one in sorted(record.versions.items())],
            rollout=RolloutNow.of(now, phase, counts, held_up_by) if now and phase else None,
        )


class RolloutPage(BaseModel):
    """How much of the past to show (a query: its numbers come as text)."""

    limit: int = Field(20, ge=1, le=MOST_ENDED, description="Attempts at most.")


class PastRollout(BaseModel):
    """An attempt that has ended."""

    rollout: str
    version: int
    stable: int | None = Field(description="What it was measured against; null where nothing was.")
    outcome: PhaseName | None = Field(description="Null where the version is forgotten since.")
    reason: str
    isolation: Literal["same_server", "own_server"]
    weight: float = Field(description="Percent of the requests that it had at last.")
    started: datetime
    ended: datetime

    @classmethod
    def of(cls, one: EndedRollout) -> Self:
        """Show an attempt."""
        return cls(
            rollout=one.rollout.rollout,
            version=one.rollout.version,
            stable=one.rollout.stable,
            outcome=None if one.outcome is None else one.outcome.value,
            reason=one.reason,
            isolation=one.rollout.isolation.value,
            weight=one.rollout.weight,
            started=moment(one.rollout.started_s),
            ended=moment(one.ended_s),
        )


class PastRollouts(BaseModel):
    """The attempts of a model that have ended, the last one first."""

    model: str
    rollouts: list[PastRollout]


class AllRollouts(BaseModel):
    """All models, by name."""

    models: list[ModelRollout]
