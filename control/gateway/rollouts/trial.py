"""A request on the canary's track: whatever goes wrong there, stable answers it."""

import asyncio
import time
from dataclasses import replace
from typing import Final

from control.core.canary_time import TrialTimes, trial_times
from control.core.judge_counts import CanaryEnd
from control.core.snapshot import VersionView
from control.core.track import Track
from control.gateway.caller import Caller
from control.gateway.rollouts.canary_calls import CanaryCall, CanaryCalls, Find, Uncut, Write
from control.gateway.rollouts.ends import Lost, end_beside, is_time_out
from control.gateway.rollouts.left_behind import Asked, LeftBehind
from control.gateway.rollouts.live_canary import LiveCanary
from control.http.messages import Reply

_REROUTED_FROM: Final = b"seawall-rerouted-from"


class Trial:
    """One request. Satisfies Course."""

    __slots__ = ("_caller", "_calls", "_canary", "_left", "_uncut")

    track: Final = Track.CANARY

    def __init__(
        self,
        calls: CanaryCalls,
        left: LeftBehind,
        canary: LiveCanary,
        caller: Caller,
        uncut: Uncut,
    ) -> None:
        """Try nothing yet; ``caller`` is as it would be for stable."""
        self._calls, self._left, self._canary = calls, left, canary
        self._caller, self._uncut = caller, uncut

    async def answer(self, stable: Find, write: Write) -> Reply:
        """Reply with the canary's answer, or with stable's, marked; raises what stable raises."""
        canary, seen, before = self._canary, self._caller.seen, self._caller.seen.view
        view = canary.view
        if not canary.weight or view is None or before is None:  # stopped since it was chosen
            return await write(await stable(self._caller))
        times = self._times()
        if times is None:
            return await write(await stable(self._caller))
        seen.routed(view, Track.CANARY)
        call = self._begin(view, times)
        asked = Asked(stable, self._caller, before)
        came = await self._wait(call, times, asked, write)
        if isinstance(came, Reply):
            return came
        seen.routed(before)
        canary.series.rerouted.pending += 1
        return await self._ask(call, came, asked, write)

    def _times(self) -> TrialTimes | None:
        canary, now_s = self._canary, time.monotonic()
        usual_s = self._calls.usual_s(canary)
        return trial_times(now_s, self._caller.deadline_s, usual_s, is_baking=canary.is_baking)

    def _begin(self, view: VersionView, times: TrialTimes) -> CanaryCall:
        """Begin a call with notes of its own: it may go on when the request is elsewhere."""
        caller = self._caller
        ours = Caller(replace(caller.seen), caller.identity, caller.priority, times.ends_s)
        return self._calls.begin(self._canary, view, ours, self._uncut)

    async def _wait(
        self, call: CanaryCall, times: TrialTimes, asked: Asked, write: Write
    ) -> Reply | Lost | None:
        """Give the canary's reply, or why there is none; None where it is left behind."""
        try:
            given = await call.answer(times.leaves_s)
            if given is None:
                self._left.follow(call, asked)
                return None
            reply = await write(given)
        except asyncio.CancelledError:
            self._left.follow(call, asked)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is must not cost the answer
            lost = call.lost_by(error)
            if lost.end is not CanaryEnd.FAILURE:
                self._canary.ended(lost.end, lost.took_s)
            return lost
        self._caller.seen.answered_s = call.seen.answered_s
        self._canary.ended(CanaryEnd.SUCCESS, call.took_s)
        return reply

    async def _ask(self, call: CanaryCall, lost: Lost | None, asked: Asked, write: Write) -> Reply:
        """Have stable answer, and judge the canary's failure by how that goes."""
        began_s = time.monotonic()
        in_doubt = lost if lost is not None and lost.end is CanaryEnd.FAILURE else None
        try:
            given = await asked.stable(self._caller)
            took_s = time.monotonic() - began_s
            given.headers = (*given.headers, (_REROUTED_FROM, b"%d" % call.view.version))
            reply = await write(given)
        except BaseException as error:
            if in_doubt is not None:
                self._judge_beside(call, in_doubt, asked, error)
            raise
        if in_doubt is not None:
            usual_s = self._calls.usual_s(self._canary)
            self._canary.ended(in_doubt.beside(given, took_s, usual_s), in_doubt.took_s)
        return reply

    def _judge_beside(
        self, call: CanaryCall, lost: Lost, asked: Asked, error: BaseException
    ) -> None:
        """Judge a canary's failure on a request that stable has not answered either."""
        if isinstance(error, asyncio.CancelledError) or is_time_out(error):
            self._left.confirm(call, lost, asked)  # stable could not show what it would have done
        else:
            self._canary.ended(end_beside(error), lost.took_s)
