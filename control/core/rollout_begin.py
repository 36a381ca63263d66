"""Decides what a change in the source repository means for versions that are not under way."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from control.core.canary_policy import CanaryPolicy
from control.core.rollout import Step
from control.core.rollout_facts import DropState, SourceFolder
from control.core.rollout_phases import ENDED, Phase
from control.core.rollout_policy import isolation_of
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord

_WRITING: Final = "its folder is still being written"
_WAITING: Final = "it waits for its turn"
_REMOVED: Final = (
    "its folder has been removed from the repository; Seawall serves its own copy until another"
    " version takes its place"
)
_CHANGED: Final = (
    "its files have been changed in the repository, which changes nothing here: a version is"
    " served as it was dropped. Drop the change as a new version"
)

Folders = Mapping[int, SourceFolder]


def adopt(
    model: str,
    versions: Mapping[int, str],
    others: Iterable[int],
    now_s: float,
    model_digest: str = "",
) -> ModelRecord:
    """Make the record of a model that is served already: ``versions`` with their digests.

    ``others`` lie in the repository, but its config does not ask for them. ``model_digest`` is of
    what lies beside the versions.
    """
    reason = "it was there at the first start"
    live = {
        number: VersionRecord(number, Phase.LIVE, reason, now_s, digest, model_digest=model_digest)
        for number, digest in versions.items()
    }
    unasked = "config.pbtxt did not ask for it at the first start"
    retired = {
        number: VersionRecord(number, Phase.RETIRED, unasked, now_s)
        for number in others
        if number not in live
    }
    return ModelRecord(
        model,
        stable=max(live, default=None),
        versions={**retired, **live},
    )


def notice(record: ModelRecord, folders: Folders, now_s: float) -> Step | None:
    """Take one change of the folders into the record; None where it has them all."""
    going = record.rollout.version if record.rollout is not None else None
    for number in sorted({*folders, *record.versions} - {going}):
        known, folder = record.versions.get(number), folders.get(number)
        seen = _seen(record, number, known, folder, now_s)
        if seen == known:
            continue
        versions = {one: kept for one, kept in record.versions.items() if one != number}
        if seen is None:
            return Step(replace(record, versions=versions), "forgotten", "its folder is gone")
        versions[number] = seen
        moved = known is None or seen.phase is not known.phase
        action = seen.phase.value if moved else "version_noted"
        return Step(replace(record, versions=versions), action, seen.fault or seen.reason)
    return None


def _seen(
    record: ModelRecord,
    number: int,
    known: VersionRecord | None,
    folder: SourceFolder | None,
    now_s: float,
) -> VersionRecord | None:
    """Give a version's record as its folder makes it; None where nothing is left of it."""
    if known is not None and known.phase is Phase.LIVE:
        return replace(known, fault=_fault(known, folder))
    if folder is None:
        return None
    reason = _reason(record, number, folder)
    if known is None:
        return VersionRecord(number, Phase.DETECTED, reason, now_s)
    if known.phase is Phase.DETECTED:
        return replace(known, reason=reason)
    return _ended(known, folder, VersionRecord(number, Phase.DETECTED, reason, now_s))


def _ended(known: VersionRecord, folder: SourceFolder, anew: VersionRecord) -> VersionRecord:
    """Give a version that has ended, or ``anew`` if its folder holds something else by now."""
    if not folder.holds_other_than(known.digest):
        return known
    if not known.digest:
        return replace(known, digest=folder.digest)  # it ended before anybody knew what it holds
    return anew


def _fault(known: VersionRecord, folder: SourceFolder | None) -> str:
    if folder is None:
        return _REMOVED
    if folder.state is DropState.WRITING or not folder.digest:
        return known.fault
    return _CHANGED if folder.holds_other_than(known.digest) else ""


def _reason(record: ModelRecord, number: int, folder: SourceFolder) -> str:
    if folder.state is not DropState.COMPLETE:
        return folder.reason or _WRITING
    if record.stable is not None and number < record.stable:
        return f"it is older than version {record.stable}, which is live: only an order starts it"
    return _WAITING


def next_version(record: ModelRecord, folders: Folders) -> int | None:
    """Choose the version whose turn it is: in order after the stable one; the newest at first."""
    if record.rollout is not None:
        return None
    waiting = [
        number
        for number, one in record.versions.items()
        if one.phase is Phase.DETECTED
        and number in folders
        and folders[number].state is DropState.COMPLETE
        and (record.stable is None or number > record.stable)
    ]
    choose = max if record.stable is None else min
    return choose(waiting, default=None)


def begin(
    record: ModelRecord, number: int, policy: CanaryPolicy, rollout: str, now_s: float
) -> Step:
    """Start an attempt with a version that has been detected or has ended; ``rollout`` names it."""
    known = record.versions[number]
    reason = "its rollout begins"
    # Without the digests of an attempt before: what counts is what is copied now.
    detected = VersionRecord(number, Phase.DETECTED, reason, now_s, fault=known.fault)
    isolation = isolation_of(record.stable, policy.isolation)
    plan = replace(policy, isolation=isolation)
    attempt = Rollout(rollout, number, record.stable, isolation, now_s, plan)
    versions = {**record.versions, number: detected}
    return Step(replace(record, versions=versions, rollout=attempt), "rollout_started", reason)


def may_begin(record: ModelRecord, number: int) -> str:
    """Say why a version's rollout cannot be started by an order; empty where it can."""
    known = record.versions.get(number)
    if record.rollout is not None:
        return f"version {record.rollout.version} is being rolled out: end that first"
    if known is None:
        return f"there is no version {number}"
    if known.phase is Phase.LIVE:
        return f"version {number} is live already"
    if known.phase not in ENDED and known.phase is not Phase.DETECTED:
        return f"version {number} is {known.phase.value}"
    return ""
