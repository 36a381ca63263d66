"""Calls of canaries that their requests could not wait for: they are judged all the same.

A client has left, or stable needed the rest of the time. What the canary does then says as much of
it as ever; but nobody has asked stable the same request, or it had no time either. So stable is
asked once more, beside the requests, where the canary has failed.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from control.core.canary_time import shadow_deadline
from control.core.judge_counts import CanaryEnd
from control.core.protection import Priority
from control.core.snapshot import VersionView
from control.errors import release_frames
from control.gateway.caller import Caller
from control.gateway.rollouts.canary_calls import CanaryCall, CanaryCalls, Find
from control.gateway.rollouts.ends import Lost, end_beside

#: In one gateway; what is left behind besides is given up.
MOST_FOLLOWED: Final = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What the canary was asked: ``stable`` answers it to who calls as ``caller`` does."""

    stable: Find
    caller: Caller
    stables_view: VersionView


_Judge = Callable[[CanaryCall, Asked], Coroutine[Any, Any, None]]


class LeftBehind:
    """One per gateway; all calls on its event loop."""

    def __init__(self, calls: CanaryCalls, most: int = MOST_FOLLOWED) -> None:
        """Begin with none."""
        self._calls = calls
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Count those that are followed."""
        return len(self._tasks)

    def follow(self, call: CanaryCall, asked: Asked) -> None:
        """See a call through, and judge it."""
        self._begin(call, self._see_through, asked)

    def confirm(self, call: CanaryCall, lost: Lost, asked: Asked) -> None:
        """Judge a call that has failed."""
        self._begin(call, partial(self._confirm, lost), asked)

    def close(self) -> None:
        """Give all up."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, call: CanaryCall, judge: _Judge, asked: Asked) -> None:
        if len(self._tasks) >= self._most:
            call.give_up()
            call.canary.ended(CanaryEnd.IGNORED, call.took_s)
            return
        task = asyncio.get_running_loop().create_task(judge(call, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_through(self, call: CanaryCall, asked: Asked) -> None:
        try:
            await call.last_word()
        except Exception as error:  # noqa: BLE001 - nobody waits for it: it is judged, and over
            lost = call.lost_by(error)
            if lost.end is CanaryEnd.FAILURE:
                await self._confirm(lost, call, asked)
            else:
                call.canary.ended(lost.end, lost.took_s)
        else:
            call.canary.ended(CanaryEnd.SUCCESS, call.took_s)

    async def _confirm(self, lost: Lost, call: CanaryCall, asked: Asked) -> None:
        usual_s, began_s = self._calls.usual_s(call.canary), time.monotonic()
        deadline_s = shadow_deadline(began_s, usual_s)
        try:
            given = await asked.stable(_asker(asked, began_s, deadline_s))
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            release_frames(error)
            end = end_beside(error)
        else:
            end = lost.beside(given, time.monotonic() - began_s, usual_s)
        call.canary.ended(end, lost.took_s)


def _asker(asked: Asked, now_s: float, deadline_s: float) -> Caller:
    """Give who asks stable once more: it is in nobody's numbers, and lets everybody go first."""
    seen = replace(
        asked.caller.seen,
        view=asked.stables_view,
        started_s=now_s,
        routed_s=now_s,
        is_rerouted=True,
        is_copy=True,
    )
    return replace(asked.caller, seen=seen, priority=Priority.LOW, deadline_s=deadline_s)
