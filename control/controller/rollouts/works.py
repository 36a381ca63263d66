"""Runs what rollouts wait for, each once an attempt, and keeps how it ended."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from control.core.rollout_facts import Result, Work
from control.observability.logs import get_logger

#: Work that could not be done, or that asks and was refused, is done again after this time.
_AGAIN_S: Final = 5.0
_ASKED_AGAIN: Final = frozenset({Work.ASK_STEP, Work.ASK_ROLLBACK})

_log = get_logger("rollouts")


@dataclass(frozen=True, slots=True)
class WorkKey:
    """Which work, for which attempt; at which of its steps, where it is done at each."""

    rollout: str
    work: Work
    step: int | None = None


class NotDone(Exception):
    """The work could not be done now, which says nothing of the version: it is tried again."""


class Works:
    """Belongs to the event loop."""

    def __init__(self, wake: asyncio.Event, again_s: float = _AGAIN_S) -> None:
        """Set ``wake`` whenever a piece of work has ended."""
        self._wake = wake
        self._again_s = again_s
        self._running: dict[WorkKey, asyncio.Task[None]] = {}
        self._done: dict[WorkKey, Result] = {}
        self._stops: dict[str, str] = {}

    def is_running(self, work: Work) -> bool:
        """Whether work of a kind is being done for any model."""
        return any(key.work is work for key in self._running)

    def done(self, rollout: str, step: int) -> Mapping[Work, Result]:
        """Give the results of an attempt; what is asked at each step, for this one."""
        return {
            key.work: result
            for key, result in self._done.items()
            if key.rollout == rollout and key.step in {None, step}
        }

    def start(self, key: WorkKey, work: Coroutine[Any, Any, Result]) -> None:
        """Begin, unless it is under way, or done."""
        if key in self._running or key in self._done:
            work.close()
            return
        self._running[key] = asyncio.create_task(self._run(key, work))

    def note(self, key: WorkKey, result: Result) -> None:
        """Keep a result that has come otherwise."""
        self._done[key] = result
        self._wake.set()

    def stop(self, rollout: str, reason: str) -> None:
        """Note that an attempt has to end, and why."""
        if self._stops.setdefault(rollout, reason) is reason:
            self._wake.set()

    def stopped(self, rollout: str) -> str:
        """Give why an attempt has to end; empty where it has not."""
        return self._stops.get(rollout, "")

    def forget_others(self, rollouts: set[str]) -> None:
        """End the work of attempts that are over, and forget their results."""
        for key in [one for one in self._running if one.rollout not in rollouts]:
            self._running.pop(key).cancel()
        for key in [one for one in self._done if one.rollout not in rollouts]:
            del self._done[key]
        for rollout in self._stops.keys() - rollouts:
            del self._stops[rollout]

    async def _run(self, key: WorkKey, work: Coroutine[Any, Any, Result]) -> None:
        try:
            result = await work
        except NotDone as error:
            _log.warning("work_not_done", work=key.work.value, reason=str(error))
            await asyncio.sleep(self._again_s)
        else:
            self._done[key] = result
            if key.work in _ASKED_AGAIN and not result.is_good:
                asyncio.get_running_loop().call_later(self._again_s, self._done.pop, key, None)
        finally:
            if self._running.get(key) is asyncio.current_task():
                del self._running[key]
            self._wake.set()
