"""Copies of requests to a version that is tried out: nobody waits for them, and nobody is charged.

A copy is made when stable's answer is written, of what the request's own buffers hold: nothing
writes into those again.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from control.core.agreement import Difference, first_difference
from control.core.canary_time import shadow_deadline
from control.core.datatypes import BYTES
from control.core.judge_counts import CanaryEnd
from control.core.protection import Priority
from control.core.snapshot import VersionView
from control.core.tensors import AnswerTensor
from control.core.track import Track
from control.gateway.answers import Given
from control.gateway.caller import Caller
from control.gateway.observe import Observation
from control.gateway.rollouts.canary_calls import CanaryCalls, Find, Uncut, Write
from control.gateway.rollouts.ends import Lost
from control.gateway.rollouts.live_canary import LiveCanary
from control.gateway.rollouts.series import ShadowResult
from control.http.messages import Reply
from control.observability.logs import get_logger

#: Copies under way at once in one gateway; further ones are not made.
MOST_IN_FLIGHT: Final = 4
#: Answers of more than this are compared on a thread.
_HEAVY_BYTES: Final = 64 * 1024
#: So are those with more than this of texts: which one differs is found text by text.
_HEAVY_TEXT_BYTES: Final = 4 * 1024
_LINE_INTERVAL_S: Final = 1.0

_log = get_logger("canary")


@dataclass(frozen=True, slots=True)
class Copy:
    """A request that stable has answered with ``given`` in ``stable_took_s``."""

    canary: LiveCanary
    caller: Caller
    uncut: Uncut
    given: Given
    stable_took_s: float


class Shadow:
    """A request that stable answers, and the canary gets a copy of. Satisfies Course."""

    __slots__ = ("_caller", "_canary", "_shadows", "_uncut")

    track: Final = Track.STABLE

    def __init__(
        self, shadows: "Shadows", canary: LiveCanary, caller: Caller, uncut: Uncut
    ) -> None:
        """Copy nothing before the request has its answer."""
        self._shadows, self._canary = shadows, canary
        self._caller, self._uncut = caller, uncut

    async def answer(self, stable: Find, write: Write) -> Reply:
        """Reply with stable's answer; then the copy goes out, unless a fallback has answered."""
        began_s = time.monotonic()
        given = await stable(self._caller)
        took_s = time.monotonic() - began_s
        reply = await write(given)
        if not given.stands_in:
            self._shadows.send(Copy(self._canary, self._caller, self._uncut, given, took_s))
        return reply


class Shadows:
    """One per gateway; all calls on its event loop."""

    def __init__(self, calls: CanaryCalls, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        """Begin with no copies under way."""
        self._calls = calls
        self._most_in_flight = most_in_flight
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_line_s = 0.0

    def send(self, copy: Copy) -> None:
        """Send a copy beside the requests, or drop it where too many are under way."""
        view = copy.canary.view
        if not copy.canary.shadow or view is None:  # stopped since it was chosen
            return
        if len(self._tasks) >= self._most_in_flight:
            copy.canary.series.shadows[ShadowResult.DROPPED].pending += 1
            return
        task = asyncio.get_running_loop().create_task(self._run(copy, view))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Give up all copies."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, copy: Copy, view: VersionView) -> None:
        canary = copy.canary
        call = self._calls.begin(canary, view, self._caller(copy, view), copy.uncut)
        try:
            given = await call.last_word()
        except Exception as error:  # noqa: BLE001 - nobody waits for it: it is judged, and over
            self._lose(copy, call.lost_by(error))
            return
        found = await self._compare(copy, given.answer.tensors)
        result = ShadowResult.AGREED if found is None else ShadowResult.DISAGREED
        canary.series.shadows[result].pending += 1
        canary.ended(CanaryEnd.SUCCESS, call.took_s)
        canary.compared(agreed=found is None)
        if found is not None:
            self._note(canary, found.where)

    def _caller(self, copy: Copy, view: VersionView) -> Caller:
        caller, now_s = copy.caller, time.monotonic()
        seen = Observation(
            caller.seen.request_id, view.model, caller.seen.body_bytes, now_s, is_copy=True
        )
        seen.routed(view, Track.CANARY)
        usual_s = self._calls.usual_s(copy.canary)
        deadline_s = shadow_deadline(now_s, usual_s, copy.stable_took_s)
        return Caller(seen, caller.identity, Priority.LOW, deadline_s)

    def _lose(self, copy: Copy, lost: Lost) -> None:
        canary = copy.canary
        end = lost.beside(copy.given, copy.stable_took_s, self._calls.usual_s(canary))
        ignored = end is CanaryEnd.IGNORED
        result = ShadowResult.DROPPED if ignored else ShadowResult.FAILED
        canary.series.shadows[result].pending += 1
        canary.ended(end, lost.took_s)

    async def _compare(self, copy: Copy, got: Sequence[AnswerTensor]) -> Difference | None:
        comparisons = copy.canary.route.policy.comparisons
        expected = copy.given.answer.tensors
        if is_heavy(expected):
            return await asyncio.to_thread(first_difference, expected, got, comparisons)
        return first_difference(expected, got, comparisons)

    def _note(self, canary: LiveCanary, where: str) -> None:
        """Write a line that holds nothing of the answers: they may be anybody's secret."""
        now_s = time.monotonic()
        if now_s >= self._next_line_s:
            self._next_line_s = now_s + _LINE_INTERVAL_S
            _log.info(
                "shadow_disagreed",
                model=canary.model,
                version=canary.route.version,
                rollout=canary.route.rollout,
                reason=where,
            )


def is_heavy(answer: Sequence[AnswerTensor]) -> bool:
    """Say whether to compare an answer on a thread, so that the event loop need not wait."""
    texts = sum([len(one.data) for one in answer if one.datatype == BYTES])
    return texts > _HEAVY_TEXT_BYTES or sum([len(one.data) for one in answer]) > _HEAVY_BYTES
