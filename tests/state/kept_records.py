"""A record of a model with a rollout under way, as tests keep it."""

from dataclasses import replace

from control.core.canary_policy import (
    CanaryPolicy,
    Isolation,
    JudgePolicy,
    Sticky,
    StickyBy,
    Tolerance,
)
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.state.audit import Act
from control.state.store import StateStore

ACT = Act("seawall", "", 100.25, "because")
BIG = 10**17
ONE = VersionRecord(1, Phase.LIVE, "it was there at the start", 1.5, "sha256:1", "", "sha256:m")
TWO = VersionRecord(2, Phase.CANARY, "it answers 5 % of the requests", 2.123456789, "sha256:2")
POLICY = CanaryPolicy(
    isolation=Isolation.OWN_SERVER,
    sticky=Sticky(StickyBy.HEADER, "x-user"),
    comparisons={"ü 漢": Tolerance(0.1, 1e-9)},
    step_weights=(0.1, 33.3),
    judge=JudgePolicy(max_duration_s=None, max_duration_ratio=None),
)
ROLLOUT = Rollout(
    rollout="r1",
    version=2,
    stable=1,
    isolation=Isolation.OWN_SERVER,
    started_s=2.5,
    policy=POLICY,
    step=1,
    step_since_s=3.25,
    weight=12.5,
    is_manual=True,
    is_paused=True,
)
FULL = ModelRecord(
    model="m",
    stable=1,
    previous=BIG,
    versions={1: ONE, 2: TWO, BIG: VersionRecord(BIG, Phase.RETIRED, "", 0.0, "", "changed")},
    rollout=ROLLOUT,
)


def commit(store: StateStore, before: ModelRecord | None, after: ModelRecord) -> ModelRecord:
    """Commit, whatever the act."""
    return store.rollouts.commit(before, after, ACT, "changed")


def with_version(record: ModelRecord, version: VersionRecord, **changes: object) -> ModelRecord:
    """The record with this version in the place of what it had of that number."""
    versions = {**record.versions, version.version: version}
    return replace(record, versions=versions, **changes)
