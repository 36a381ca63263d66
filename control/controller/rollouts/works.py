"""Runs what rollouts wait for, each once an attempt, and keeps how it ended."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from control.controller.rollouts.left_out import LeftOut
from control.core.rollout_facts import Result, Work
from control.link.launcher_client import LauncherAway, ServerRefused
from control.observability.logs import get_logger
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.triton.management import LoadFailed, TritonAway

#: Work that could not be done, or that asks and was refused, is done again after this time.
_AGAIN_S: Final = 5.0
_ASKED_AGAIN: Final = frozenset({Work.ASK_STEP, Work.ASK_ROLLBACK})

_log = get_logger("rollouts")


@dataclass(frozen=True, slots=True)
class WorkKey:
    """Which work, for which attempt; since when its step lasts, where it is done at each.

    A step that begins anew, or comes again with the same weight, is another one.
    """

    rollout: str
    work: Work
    step_since_s: float | None = None


class NotDone(Exception):
    """The work could not be done now, which says nothing of the version: it is tried again."""


class Works:
    """Belongs to the event loop."""

    def __init__(self, wake: asyncio.Event, again_s: float = _AGAIN_S) -> None:
        """Set ``wake`` whenever a piece of work has ended."""
        self._wake = wake
        self._again_s = again_s
        self._running: dict[WorkKey, asyncio.Task[None]] = {}
        #: Of these, those that only wait until they may be tried again.
        self._resting: set[WorkKey] = set()
        self._done: dict[WorkKey, Result] = {}
        self._stops: dict[str, str] = {}
        #: What is live and does not come up here.
        self.left_out = LeftOut()
        self._held_up: dict[tuple[str, str], str] = {}

    def is_running(self, work: Work) -> bool:
        """Whether work of a kind is being done for any model, or has not ended yet.

        What waits until it is tried again is not: it may never come to anything, and others may
        have their turn meanwhile.
        """
        return any(key.work is work for key in self._running.keys() - self._resting)

    def done(self, rollout: str, step_since_s: float) -> Mapping[Work, Result]:
        """Give the results of an attempt; what is asked at each step, for this one."""
        return {
            key.work: result
            for key, result in self._done.items()
            if key.rollout == rollout and key.step_since_s in {None, step_since_s}
        }

    def start(self, key: WorkKey, work: Coroutine[Any, Any, Result]) -> None:
        """Begin, unless it is under way, or done."""
        if key in self._running or key in self._done:
            work.close()
            return
        task = self._running[key] = asyncio.create_task(self._run(key, work))
        task.add_done_callback(lambda _: self._ended(key))

    def stop(self, rollout: str, reason: str) -> None:
        """Note that an attempt has to end, and why."""
        if self._stops.setdefault(rollout, reason) is reason:
            self._wake.set()

    def stopped(self, rollout: str) -> str:
        """Give why an attempt has to end; empty where it has not."""
        return self._stops.get(rollout, "")

    def hold_up(self, rollout: str, part: str, reason: str) -> None:
        """Note why a part of an attempt cannot be done, and is tried again; empty once it can."""
        if reason:
            self._held_up[rollout, part] = reason
        else:
            self._held_up.pop((rollout, part), None)

    def held_up_by(self, rollout: str) -> str:
        """Say what is in an attempt's way, empty where nothing is. Any thread may call."""
        known = list(self._held_up.items())
        return "; ".join(reason for (held_up, _), reason in known if held_up == rollout)

    def forget_others(self, rollouts: set[str]) -> None:
        """End the work of attempts that are over, and forget their results.

        It counts as under way until it has really ended.
        """
        for key, task in self._running.items():
            # Once: a second time would cut off how it ends what it has begun.
            if key.rollout not in rollouts and not task.cancelling():
                task.cancel()
        for key in [one for one in self._done if one.rollout not in rollouts]:
            del self._done[key]
        for part in [one for one in self._held_up if one[0] not in rollouts]:
            del self._held_up[part]
        for rollout in self._stops.keys() - rollouts:
            del self._stops[rollout]

    async def _run(self, key: WorkKey, work: Coroutine[Any, Any, Result]) -> None:
        try:
            result = await work
        except Exception as error:  # noqa: BLE001 - nobody else hears of it
            _tell(key, error)
            self.hold_up(key.rollout, key.work.value, in_words(error))
            self._resting.add(key)
            self._wake.set()
            await asyncio.sleep(self._again_s)
        else:
            self.hold_up(key.rollout, key.work.value, "")
            self._done[key] = result
            if key.work in _ASKED_AGAIN and not result.is_good:
                asyncio.get_running_loop().call_later(self._again_s, self._done.pop, key, None)

    def _ended(self, key: WorkKey) -> None:
        del self._running[key]
        self._resting.discard(key)
        self._wake.set()


def in_words(error: Exception) -> str:
    """Say why something could not be done, without what only the log may hold, such as paths."""
    match error:
        case NotDone() | SourceChanged() | StagingFailed() | TritonAway() | ServerRefused():
            return str(error)
        case LoadFailed() | SourceRefused():
            return error.reason
        case LauncherAway():
            return "Seawall's launcher does not answer"
        case OSError(strerror=str(reason)):
            return reason
    return f"an unforeseen failure ({type(error).__name__}): the log says more"


def _tell(key: WorkKey, error: Exception) -> None:
    if isinstance(error, NotDone | OSError):
        _log.warning("work_not_done", work=key.work.value, reason=str(error))
    else:
        _log.error("work_failed", work=key.work.value, exc_info=error)
