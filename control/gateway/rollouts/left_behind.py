"""Calls of canaries that their requests could not wait for: they are judged all the same.

A client has left, or stable has answered it. What the canary does then says as much of it as ever.
Where nobody has asked stable the same request, or it had no time, no room, or an old answer, it is
asked once more, beside the requests: for a canary that has failed, or has not answered when it is
due.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from control.core.judge_counts import CanaryEnd
from control.gateway.rollouts.canary_calls import CanaryCall, CanaryCalls
from control.gateway.rollouts.ends import Lost
from control.gateway.rollouts.stables_word import Asked, Word

#: In one gateway; what is left behind besides is given up.
MOST_FOLLOWED: Final = 16
#: So many bytes of requests are kept for it: who has received them does not count them any more.
#: A single request may have more.
MOST_BYTES: Final = 64 * 1024 * 1024


class LeftBehind:
    """One per gateway; all calls on its event loop."""

    def __init__(self, calls: CanaryCalls) -> None:
        """Begin with none."""
        self._calls = calls
        self._most, self._most_bytes = MOST_FOLLOWED, MOST_BYTES
        self._tasks: set[asyncio.Task[None]] = set()
        self._bytes = 0

    def __len__(self) -> int:
        """Count those that are followed."""
        return len(self._tasks)

    def follow(self, call: CanaryCall, asked: Asked, word: Word | None) -> None:
        """See a call through, and judge it by stable's ``word``, or by one that is yet to come."""
        if self._has_room(call, asked):
            self._begin(self._see_through(call, asked, word), asked)

    def confirm(self, call: CanaryCall, lost: Lost, asked: Asked) -> None:
        """Judge a call that has failed."""
        if self._has_room(call, asked):
            self._begin(self._confirm(call, lost, asked), asked)

    def close(self) -> None:
        """Give all up."""
        for task in self._tasks:
            task.cancel()

    def _has_room(self, call: CanaryCall, asked: Asked) -> bool:
        """Whether one more can be followed; else it is given up."""
        fits = not self._tasks or self._bytes + asked.size_bytes <= self._most_bytes
        if len(self._tasks) < self._most and fits:
            return True
        call.give_up()
        call.canary.ended(CanaryEnd.IGNORED, call.took_s)
        return False

    def _begin(self, judge: Coroutine[Any, Any, None], asked: Asked) -> None:
        task = asyncio.get_running_loop().create_task(judge)
        self._tasks.add(task)
        self._bytes += asked.size_bytes
        task.add_done_callback(partial(self._ended, asked.size_bytes))

    def _ended(self, size_bytes: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._bytes -= size_bytes

    async def _see_through(self, call: CanaryCall, asked: Asked, word: Word | None) -> None:
        try:
            if await call.answer(asked.times.due_s) is None:
                word = word or await asked.again(self._usual_s(call))
                await call.cut_off(word.fair_s(asked.times, self._usual_s(call)))
        except asyncio.CancelledError:
            call.give_up()
            raise
        except Exception as error:  # noqa: BLE001 - nobody waits for it: it is judged, and over
            lost = call.lost_by(error)
            if word is not None:
                call.canary.ended(word.judge(lost, self._usual_s(call)), lost.took_s)
            elif lost.end is CanaryEnd.FAILURE:
                await self._confirm(call, lost, asked)
            else:
                call.canary.ended(lost.end, lost.took_s)
        else:
            call.canary.ended(CanaryEnd.SUCCESS, call.took_s)

    async def _confirm(self, call: CanaryCall, lost: Lost, asked: Asked) -> None:
        word = await asked.again(self._usual_s(call))
        call.canary.ended(word.judge(lost, self._usual_s(call)), lost.took_s)

    def _usual_s(self, call: CanaryCall) -> float:
        return self._calls.usual_s(call.canary)
