"""What is told of rollouts, to those who listen to events and to webhooks alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from control.core.rollout import Step
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout

_EVERYTHING = 100.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """A version has come into ``phase``, or gets ``weight`` percent of the requests from now on.

    ``rollout`` names the attempt, empty where none is meant; ``at_s`` is since the epoch.
    """

    model: str
    version: int
    phase: Phase
    weight: float
    reason: str
    rollout: str
    at_s: float

    def as_event(self) -> dict[str, Any]:
        """Give what those hear who listen to events."""
        at = datetime.fromtimestamp(self.at_s, UTC).isoformat(timespec="milliseconds")
        return {
            "model": self.model,
            "version": self.version,
            "phase": self.phase.value,
            "weight": self.weight,
            "reason": self.reason,
            "at": at.replace("+00:00", "Z"),
        }

    def as_webhook(self, kind: str) -> dict[str, Any]:
        """Give what a webhook of this kind is sent."""
        return {"kind": kind, **self.as_event(), "rollout": self.rollout}


def announcements(before: ModelRecord | None, step: Step, at_s: float) -> Iterator[Announcement]:
    """Give what a step has changed: each version in a new phase, and the weight of the canary."""
    after = step.record
    rollout = after.rollout or (None if before is None else before.rollout)
    for number, version in sorted(after.versions.items()):
        is_tried = rollout is not None and number == rollout.version
        was = None if before is None else before.versions.get(number)
        in_new_phase = was is None or was.phase is not version.phase
        if in_new_phase or (is_tried and _weight(before, number) != _weight(after, number)):
            yield Announcement(
                model=after.model,
                version=number,
                phase=version.phase,
                weight=_weight(after, number),
                reason=step.reason if is_tried and step.reason else version.reason,
                rollout=_name_of(rollout) if is_tried else "",
                at_s=at_s,
            )


def _name_of(rollout: Rollout | None) -> str:
    return "" if rollout is None else rollout.rollout


def _weight(record: ModelRecord | None, version: int) -> float:
    """Give the percent of requests that a version answers."""
    if record is None:
        return 0.0
    rollout = record.rollout
    if rollout is not None and rollout.version == version:
        return rollout.weight
    if record.stable == version:
        return _EVERYTHING if rollout is None else _EVERYTHING - rollout.weight
    return 0.0
