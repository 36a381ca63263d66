"""A request on the canary's track: whatever goes wrong there, stable answers it."""

import time
from dataclasses import dataclass
from typing import Final

from control.core.canary_judge import CanaryEnd
from control.core.canary_time import canary_deadline, timed_out_fairly
from control.core.snapshot import VersionView
from control.core.track import Track
from control.gateway.answers import Given
from control.gateway.caller import Caller
from control.gateway.rollouts.canary_calls import CallNotes, CanaryCalls, Find, Uncut, Write
from control.gateway.rollouts.ends import end_beside, end_of, is_time_out
from control.gateway.rollouts.live_canary import LiveCanary
from control.http.messages import Reply

_REROUTED_FROM: Final = b"seawall-rerouted-from"


@dataclass(frozen=True, slots=True)
class _Lost:
    """A call without an answer: what it says of the canary if stable answers, and how it ended."""

    end: CanaryEnd
    took_s: float
    timed_out: bool = False


class Trial:
    """One request. Satisfies Course."""

    __slots__ = ("_caller", "_calls", "_canary", "_uncut")

    track: Final = Track.CANARY

    def __init__(
        self, calls: CanaryCalls, canary: LiveCanary, caller: Caller, uncut: Uncut
    ) -> None:
        """Try nothing yet; ``caller`` is as it would be for stable."""
        self._calls, self._canary = calls, canary
        self._caller, self._uncut = caller, uncut

    async def answer(self, stable: Find, write: Write) -> Reply:
        """Reply with the canary's answer, or with stable's, marked; raises what stable raises."""
        canary, seen, before = self._canary, self._caller.seen, self._caller.seen.view
        view = canary.view
        if not canary.weight or view is None or before is None:  # stopped since it was chosen
            return await write(await stable())
        seen.routed(view, Track.CANARY)
        came = await self._try(view, write)
        if isinstance(came, Reply):
            return came
        seen.routed(before)
        canary.series.rerouted.pending += 1
        return await self._ask(stable, write, came, (_REROUTED_FROM, b"%d" % view.version))

    async def _try(self, view: VersionView, write: Write) -> Reply | _Lost:
        canary, caller, notes = self._canary, self._caller, CallNotes(self._canary)
        usual_s = self._calls.stable_takes_s(canary)
        deadline_s = canary_deadline(caller.deadline_s, time.monotonic(), usual_s)
        ours = Caller(caller.seen, caller.identity, caller.priority, deadline_s)
        try:
            reply = await write(await self._calls.call(canary, view, ours, self._uncut, notes))
        except Exception as error:  # noqa: BLE001 - whatever it is must not cost the answer
            end = end_of(error, apart=bool(view.upstream))
            if end is not CanaryEnd.FAILURE:
                canary.ended(end, notes.took_s)
            return _Lost(end, notes.took_s, is_time_out(error))
        canary.ended(CanaryEnd.SUCCESS, notes.took_s)
        return reply

    async def _ask(
        self, stable: Find, write: Write, lost: _Lost, mark: tuple[bytes, bytes]
    ) -> Reply:
        """Have stable answer, and judge the canary's failure by how that goes."""
        began_s = time.monotonic()
        try:
            given = await stable()
            took_s = time.monotonic() - began_s
            given.headers = (*given.headers, mark)
            reply = await write(given)
        except BaseException as error:
            if lost.end is CanaryEnd.FAILURE:
                self._canary.ended(end_beside(error), lost.took_s)
            raise
        if lost.end is CanaryEnd.FAILURE:
            self._canary.ended(self._confirmed(given, lost, took_s), lost.took_s)
        return reply

    def _confirmed(self, given: Given, lost: _Lost, stable_took_s: float) -> CanaryEnd:
        if given.stands_in:
            return CanaryEnd.UNCONFIRMED
        usual_s = self._calls.stable_takes_s(self._canary)
        if lost.timed_out and not timed_out_fairly(lost.took_s, stable_took_s, usual_s):
            return CanaryEnd.IGNORED
        return CanaryEnd.FAILURE
