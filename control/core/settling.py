"""Decides when a dropped folder is complete: nobody must serve what is still being written.

A folder is whole when it was renamed in, when its checksums say so, or when it has been still for
long enough. Stillness is observed: a file's own times may be those of the file it was copied from.
"""

from dataclasses import dataclass, replace
from enum import Enum
from math import inf

from control.core.rollout_facts import DropState

_WRITING = "its folder is still being written"
_READING = "its checksums are being compared"


@dataclass(frozen=True, slots=True)
class Sighting:
    """How a folder looked when it was seen last, and since when it has looked so.

    ``is_whole``: it came in by a rename, and has not been touched since.
    """

    activity: str
    since_s: float
    is_whole: bool = False

    def still_s(self, now_s: float) -> float:
        """Give for how long it has not changed; without end where it came whole."""
        return inf if self.is_whole else now_s - self.since_s


def see(before: Sighting | None, activity: str, now_s: float, *, renamed_in: bool) -> Sighting:
    """Take another look into account."""
    if before is None or before.activity != activity:
        return Sighting(activity, now_s, is_whole=renamed_in)
    return replace(before, is_whole=True) if renamed_in else before


class Sums(Enum):
    """What a folder's list of checksums says.

    NONE     it has no such list.
    UNREAD   it has not been compared with the files yet.
    WRONG    a file that it names is missing, or another.
    RIGHT    all files that it names are right, but there are others.
    ALL      every file is named, and right.
    """

    NONE = "none"
    UNREAD = "unread"
    WRONG = "wrong"
    RIGHT = "right"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What is known of a folder. ``fault`` is what must not be in it, or is wrong with its sums.

    ``failure`` is why its files could not be read when that was tried last.
    """

    sighting: Sighting
    sums: Sums = Sums.NONE
    fault: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """How whole a folder is, and why; the reason is empty for a complete one."""

    state: DropState
    reason: str = ""


def find(facts: FolderFacts, settle_s: float, now_s: float) -> Finding:
    """Say how whole a folder is. What is wrong in one that is being written may yet be mended."""
    is_still = facts.sighting.still_s(now_s) >= settle_s
    if facts.fault:
        return Finding(DropState.BROKEN if is_still else DropState.WRITING, facts.fault)
    if facts.sums is Sums.UNREAD:
        return Finding(DropState.WRITING, facts.failure or _READING)
    if is_still or facts.sums is Sums.ALL:
        return Finding(DropState.COMPLETE)
    return Finding(DropState.WRITING, _WRITING)


def due_in_s(sighting: Sighting, settle_s: float, now_s: float) -> float:
    """Give the seconds until a folder is still if nobody touches it; without end if it is."""
    left_s = settle_s - sighting.still_s(now_s)
    return left_s if left_s > 0.0 else inf
