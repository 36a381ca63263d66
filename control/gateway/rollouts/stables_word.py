"""What stable says to a request that a canary was asked: by that a canary's failure is judged."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from control.core.canary_time import TrialTimes, confirm_deadline
from control.core.judge_counts import CanaryEnd
from control.core.protection import Priority
from control.core.snapshot import VersionView
from control.errors import release_frames
from control.gateway.answers import Given
from control.gateway.caller import Caller
from control.gateway.codec.triton_form import Answer
from control.gateway.rollouts.canary_calls import Find
from control.gateway.rollouts.ends import Lost, end_beside, is_time_out

_NOTHING: Final = Answer("", "", "", None, [], b"", b"")


@dataclass(frozen=True, slots=True)
class Word:
    """How stable's call ended: with an answer, or with ``end``, which a canary's failure is then.

    ``shows``: whether that is what stable does with the request, and not for want of time or room,
    or from its cache.
    """

    took_s: float
    given: Given | None
    end: CanaryEnd = CanaryEnd.IGNORED
    shows: bool = True

    @classmethod
    def of_answer(cls, given: Given, took_s: float) -> Self:
        """Keep what is to be known of an answer, but not its data."""
        return cls(took_s, replace(given, answer=_NOTHING), shows=not given.is_kept)

    @classmethod
    def of_error(cls, error: BaseException, took_s: float) -> Self:
        """Keep what an error says."""
        end = end_beside(error)
        return cls(took_s, None, end, end is CanaryEnd.UNCONFIRMED and not is_time_out(error))

    def judge(self, lost: Lost, usual_s: float) -> CanaryEnd:
        """Judge a call of the canary that gave no answer."""
        if lost.end is not CanaryEnd.FAILURE:
            return lost.end
        if self.given is None:
            return self.end
        return lost.beside(self.given, self.took_s, usual_s)

    def fair_s(self, times: TrialTimes, usual_s: float) -> float:
        """Say how long the canary may take: beside a stable that has failed, as long as usual."""
        return times.due_s if self.given is None else times.fair_s(self.took_s, usual_s)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the canary was asked: ``stable`` answers it to who calls as ``caller`` does.

    ``size_bytes`` are kept with it.
    """

    stable: Find
    caller: Caller
    stables_view: VersionView
    times: TrialTimes
    size_bytes: int

    async def again(self, usual_s: float) -> Word:
        """Have stable answer it beside the requests."""
        began_s = time.monotonic()
        try:
            given = await self.stable(self._asker(began_s, usual_s))
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            release_frames(error)
            return Word.of_error(error, time.monotonic() - began_s)
        return Word.of_answer(given, time.monotonic() - began_s)

    def _asker(self, now_s: float, usual_s: float) -> Caller:
        """Give who asks: it is in nobody's numbers.

        It stands in line among the requests: a busy stable would never answer who lets all others
        go first, and a canary that hangs would not be found.
        """
        caller = self.caller
        deadline_s = confirm_deadline(now_s, usual_s, caller.deadline_s - self.times.began_s)
        seen = replace(
            caller.seen,
            view=self.stables_view,
            started_s=now_s,
            routed_s=now_s,
            is_rerouted=True,
            is_copy=True,
        )
        return replace(caller, seen=seen, priority=Priority.NORMAL, deadline_s=deadline_s)


class Asking:
    """Stable asked for the caller, in a task with notes of its own: the canary may yet answer."""

    __slots__ = ("_began_s", "seen", "task", "took_s")

    def __init__(self, asked: Asked) -> None:
        """Begin."""
        self._began_s, self.took_s = time.monotonic(), 0.0
        self.seen = replace(asked.caller.seen)
        self.seen.routed(asked.stables_view)
        call = asked.stable(replace(asked.caller, seen=self.seen))
        self.task: asyncio.Task[Given] = asyncio.ensure_future(call)
        self.task.add_done_callback(self._ended)

    @property
    def has_failed(self) -> bool:
        """Whether it is over, without an answer."""
        task = self.task
        return task.done() and (task.cancelled() or task.exception() is not None)

    async def answer(self) -> Given:
        """Give stable's answer; raises why there is none."""
        await asyncio.wait([self.task])
        return self.task.result()

    def give_up(self) -> None:
        """Want no answer any more."""
        if self.task.cancel() or self.task.cancelled():
            return
        error = self.task.exception()
        if error is not None:
            release_frames(error)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.took_s = time.monotonic() - self._began_s
        if not task.cancelled():
            task.exception()  # nobody need ask for it: the canary may have answered
