"""What is known of a model, as rows of tables and back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping

from control.core.canary_policy import CanaryPolicy, Isolation
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.state.text import storable

_decode_policy: Final = msgspec.json.Decoder(CanaryPolicy).decode


@dataclass(frozen=True, slots=True)
class EndedRollout:
    """A rollout as it stood last, how its version came out of it, when, and why.

    ``outcome`` is None where nothing is known of the version any more.
    """

    model: str
    rollout: Rollout
    outcome: Phase | None
    reason: str
    ended_s: float


def storable_record(record: ModelRecord, revision: int) -> ModelRecord:
    """Give the record as it is loaded once it is kept under that revision."""
    versions = {
        number: replace(one, reason=storable(one.reason), fault=storable(one.fault))
        for number, one in record.versions.items()
    }
    return replace(record, revision=revision, versions=versions)


def model_columns(record: ModelRecord) -> dict[str, Any]:
    """Give the head of a record as columns."""
    return {
        "model": record.model,
        "revision": record.revision,
        "stable": record.stable,
        "previous": record.previous,
    }


def version_columns(model: str, version: VersionRecord) -> dict[str, Any]:
    """Give a version as columns."""
    return {
        "model": model,
        "version": version.version,
        "phase": version.phase.value,
        "reason": version.reason,
        "since_s": version.since_s,
        "digest": version.digest,
        "model_digest": version.model_digest,
        "fault": version.fault,
    }


def rollout_columns(model: str, rollout: Rollout) -> dict[str, Any]:
    """Give a rollout that is under way as columns."""
    return {
        "rollout": rollout.rollout,
        "model": model,
        "version": rollout.version,
        "stable": rollout.stable,
        "isolation": rollout.isolation.value,
        "started_s": rollout.started_s,
        "step": rollout.step,
        "step_since_s": rollout.step_since_s,
        "weight": rollout.weight,
        "is_manual": rollout.is_manual,
        "is_paused": rollout.is_paused,
        "policy": msgspec.json.encode(rollout.policy).decode(),
    }


def records_of(
    models: Iterable[RowMapping], versions: Iterable[RowMapping], rollouts: Iterable[RowMapping]
) -> dict[str, ModelRecord]:
    """Give the records that stand in these rows, by model; of rollouts only those under way."""
    by_model: dict[str, dict[int, VersionRecord]] = {}
    for row in versions:
        by_model.setdefault(row["model"], {})[row["version"]] = _version_of(row)
    under_way = {row["model"]: rollout_of(row) for row in rollouts}
    return {
        row["model"]: ModelRecord(
            model=row["model"],
            revision=row["revision"],
            stable=row["stable"],
            previous=row["previous"],
            versions=by_model.get(row["model"], {}),
            rollout=under_way.get(row["model"]),
        )
        for row in models
    }


def rollout_of(row: RowMapping) -> Rollout:
    """Give the rollout that stands in a row."""
    return Rollout(
        rollout=row["rollout"],
        version=row["version"],
        stable=row["stable"],
        isolation=Isolation(row["isolation"]),
        started_s=row["started_s"],
        policy=_decode_policy(row["policy"]),
        step=row["step"],
        step_since_s=row["step_since_s"],
        weight=row["weight"],
        is_manual=row["is_manual"],
        is_paused=row["is_paused"],
    )


def ended_of(row: RowMapping) -> EndedRollout:
    """Give the ended rollout that stands in a row."""
    outcome = row["outcome"]
    return EndedRollout(
        model=row["model"],
        rollout=rollout_of(row),
        outcome=None if outcome is None else Phase(outcome),
        reason=row["reason"],
        ended_s=row["ended_s"],
    )


def _version_of(row: RowMapping) -> VersionRecord:
    return VersionRecord(
        version=row["version"],
        phase=Phase(row["phase"]),
        reason=row["reason"],
        since_s=row["since_s"],
        digest=row["digest"],
        model_digest=row["model_digest"],
        fault=row["fault"],
    )
