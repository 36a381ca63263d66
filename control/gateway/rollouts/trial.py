"""A request on the canary's track: whatever goes wrong there, stable answers it."""

import time
from dataclasses import replace
from typing import Final

from control.core.canary_time import TrialTimes, trial_times
from control.core.snapshot import VersionView
from control.core.track import Track
from control.gateway.caller import Caller
from control.gateway.rollouts.canary_calls import CanaryCall, CanaryCalls, Find, Uncut, Write
from control.gateway.rollouts.left_behind import LeftBehind
from control.gateway.rollouts.live_canary import LiveCanary
from control.gateway.rollouts.race import Race
from control.gateway.rollouts.stables_word import Asked
from control.http.messages import Reply


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
        size_bytes = max(seen.body_bytes, self._uncut.size_bytes)
        asked = Asked(stable, self._caller, before, times, size_bytes)
        return await Race(self._calls, self._left, call, asked, write).reply()

    def _times(self) -> TrialTimes | None:
        canary, now_s = self._canary, time.monotonic()
        usual_s = self._calls.usual_s(canary)
        wait_s = self._calls.wait_s(canary, self._caller)
        return trial_times(
            now_s, self._caller.deadline_s, usual_s, wait_s=wait_s, is_baking=canary.is_baking
        )

    def _begin(self, view: VersionView, times: TrialTimes) -> CanaryCall:
        """Begin a call with notes of its own: it may go on when the request is elsewhere."""
        caller = self._caller
        ours = Caller(replace(caller.seen), caller.identity, caller.priority, times.ends_s)
        return self._calls.begin(self._canary, view, ours, self._uncut)
