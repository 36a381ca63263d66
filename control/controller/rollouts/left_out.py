"""Remembers which versions could not be brought up, and when each of them is tried again.

It decides nothing of rollouts: these versions are served by their records, and fail here and now.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

#: A load keeps all others of its model waiting, and costs a start of its process: it is tried again
#: after the first of these times, then after twice as long each time, up to the other.
_FIRST_S: Final = 5.0
_LONGEST_S: Final = 300.0
_NOTHING: Final[Mapping[int, "_Failure"]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    wait_s: float
    until_s: float
    own_count: int


class LeftOut:
    """Belongs to the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of no failure yet."""
        self._clock = clock
        self._failures: dict[str, dict[int, _Failure]] = {}

    def add(self, model: str, version: int, reason: str, *, is_own: bool = True) -> float:
        """Leave a version out that has just failed; gives for how many seconds.

        ``is_own``: it was not tritonserver that was away, whatever the cause of that.
        """
        known = self._failures.setdefault(model, {})
        before = known.get(version)
        wait_s = min(2 * before.wait_s, _LONGEST_S) if before is not None else _FIRST_S
        own_count = (before.own_count if before is not None else 0) + is_own
        known[version] = _Failure(reason, wait_s, self._clock() + wait_s, own_count)
        return wait_s

    def is_due(self, model: str, version: int) -> bool:
        """Whether a version may be tried now."""
        failure = self._failures.get(model, _NOTHING).get(version)
        return failure is None or self._clock() >= failure.until_s

    def keep(self, model: str, versions: Collection[int]) -> None:
        """Forget all of a model but these: they are loaded by now, or not wanted any more."""
        known = self._failures.get(model, _NOTHING)
        kept = {version: one for version, one in known.items() if version in versions}
        if kept:
            self._failures[model] = kept
        else:
            self._failures.pop(model, None)

    def told(self, model: str) -> str:
        """Say what is left out and why; empty where nothing is."""
        return _in_words(self._failures.get(model, _NOTHING))

    def told_again(self, model: str) -> str:
        """Say it of what has failed by itself twice or more: once can be a coincidence."""
        known = self._failures.get(model, _NOTHING)
        return _in_words({n: one for n, one in known.items() if one.own_count > 1})


def _in_words(failures: Mapping[int, _Failure]) -> str:
    known = sorted(failures.items())
    return "; ".join(f"version {version} does not load: {one.reason}" for version, one in known)
