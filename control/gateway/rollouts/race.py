"""One request that a canary is asked: it waits for it alone, then for the first of both versions.

Each is asked once. Whoever answers rightly first gives the reply; the other's answer is not waited
for, but the canary's call is judged all the same.
"""

import time

from control.core.judge_counts import CanaryEnd
from control.gateway.rollouts.canary_calls import CanaryCall, CanaryCalls, Write
from control.gateway.rollouts.ends import Lost
from control.gateway.rollouts.left_behind import LeftBehind
from control.gateway.rollouts.stables_word import Asked, Asking, Word
from control.http.messages import Reply

_REROUTED_FROM = b"seawall-rerouted-from"


class Race:
    """From the begin of the canary's call to the reply. Of use once."""

    __slots__ = (
        "_asked",
        "_call",
        "_calls",
        "_is_over",
        "_left",
        "_lost",
        "_stable",
        "_word",
        "_write",
    )

    def __init__(
        self, calls: CanaryCalls, left: LeftBehind, call: CanaryCall, asked: Asked, write: Write
    ) -> None:
        """Wait for ``call``, which has begun."""
        self._calls, self._left, self._write = calls, left, write
        self._call, self._asked = call, asked
        self._is_over = False
        #: The failure of the canary's call that is still to be judged.
        self._lost: Lost | None = None
        self._stable: Asking | None = None
        self._word: Word | None = None

    async def reply(self) -> Reply:
        """Reply with the canary's answer, or with stable's, marked; raises what stable raises."""
        try:
            reply = await self._canarys(self._asked.times.leaves_s)
            return reply if reply is not None else await self._firsts()
        finally:
            self._judge()

    async def _canarys(self, until_s: float) -> Reply | None:
        """Give the canary's reply; None where it has failed, or has not answered by then."""
        call = self._call
        try:
            given = None if self._is_over else await call.answer(until_s)
            if given is None:
                return None
            reply = await self._write(given)
        except Exception as error:  # noqa: BLE001 - whatever it is must not cost the answer
            self._lose(call.lost_by(error))
            return None
        self._asked.caller.seen.answered_s = call.seen.answered_s
        self._succeed()
        return reply

    async def _firsts(self) -> Reply:
        """Ask stable, and give the reply of whoever answers first; raises what stable raises."""
        stable = self._stable = Asking(self._asked)
        if not self._is_over:
            await self._call.beside(stable.task)
            reply = await self._canarys(time.monotonic())
            if reply is None and stable.has_failed:
                reply = await self._canarys(self._asked.caller.deadline_s)
            if reply is not None:
                return reply
        return await self._stables(stable)

    async def _stables(self, stable: Asking) -> Reply:
        call, seen = self._call, self._asked.caller.seen
        seen.routed(self._asked.stables_view)
        call.canary.series.rerouted.pending += 1
        try:
            given = await stable.answer()
            seen.routed_s, seen.answered_s = stable.seen.routed_s, stable.seen.answered_s
            given.headers = (*given.headers, (_REROUTED_FROM, b"%d" % call.view.version))
            reply = await self._write(given)
        except Exception as error:
            self._word = Word.of_error(error, stable.took_s)
            raise
        self._word = word = Word.of_answer(given, stable.took_s)
        if not self._is_over and word.shows:
            await self._cut_off(word)
        return reply

    async def _cut_off(self, word: Word) -> None:
        """End a call that has had its time: nobody need follow it."""
        fair_s = word.fair_s(self._asked.times, self._calls.usual_s(self._call.canary))
        if time.monotonic() < fair_s:
            return
        try:
            await self._call.cut_off(fair_s)
        except Exception as error:  # noqa: BLE001 - it is judged, and over
            self._lose(self._call.lost_by(error))
        else:
            self._succeed()

    def _succeed(self) -> None:
        self._is_over = True
        self._call.canary.ended(CanaryEnd.SUCCESS, self._call.took_s)

    def _lose(self, lost: Lost) -> None:
        """Judge a call without an answer at once, where stable need not be heard."""
        self._is_over = True
        if lost.end is CanaryEnd.FAILURE:
            self._lost = lost
        else:
            self._call.canary.ended(lost.end, lost.took_s)

    def _judge(self) -> None:
        """Judge the canary's call, or have that done once more is known."""
        call, lost, word = self._call, self._lost, self._word
        if self._stable is not None and word is None:
            self._stable.give_up()  # the canary has answered, or nobody waits
        if word is not None and not word.shows:
            word = None
        if not self._is_over:
            self._left.follow(call, self._asked, word)
        elif lost is not None and word is not None:
            call.canary.ended(word.judge(lost, self._calls.usual_s(call.canary)), lost.took_s)
        elif lost is not None:
            self._left.confirm(call, lost, self._asked)
