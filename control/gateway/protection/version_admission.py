"""Lets requests in to one model version: as many as it does well with; the others wait or go.

One upstream call, one permit. What is here only asks those who decide, ``core.measured_limit`` and
``core.waiting_line``, and acts on it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from control.core.adaptive_limit import TritonLoad
from control.core.measured_limit import MeasuredLimit
from control.core.outcome import Outcome
from control.core.protection import Priority
from control.core.snapshot import VersionView
from control.core.waiting_lane import Waiter
from control.core.waiting_line import Shed, WaitingLine
from control.errors import ControlError
from control.gateway.protection.admission_refusals import never_fits, refusal, too_late
from control.gateway.protection.admission_series import AdmissionSeries, AdmissionStatus
from control.gateway.protection.permits import Ask, Permit, Reservoir
from control.gateway.protection.server_shape import shape_of

_LEAST_TIMER_S: Final = 0.001


class _Place(NamedTuple):
    """What a waiter waits for."""

    future: asyncio.Future[Permit]
    memory_bytes: int


class Admission:
    """One model version. All calls on its event loop.

    Who is next is not overtaken while the memory for it is not free: else small requests would keep
    a large one out for ever.
    """

    def __init__(
        self,
        view: VersionView,
        series: AdmissionSeries,
        *,
        workers: int = 1,
        reservoir: Reservoir | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Guard ``view``; each of the ``workers`` has its part of the limit, at least 1."""
        self.view = view
        self.in_flight = 0
        #: Permits given so far.
        self.granted = 0
        self._name = f"model '{view.model}' version {view.version}"
        self._series, self._clock = series, clock
        policy = view.protection
        self._measured = MeasuredLimit(policy.concurrency, shape_of(view), workers, clock())
        self._times, self._freed = self._measured.times, self._measured.freed
        self._line = WaitingLine[_Place](policy.queue)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self._reservoir: Reservoir | None = None
        self._watch(reservoir)

    def __repr__(self) -> str:
        """One line for logs and tests."""
        state = f"{self.in_flight} of {self.limit} in flight, {self.queued} queued"
        return f"<Admission {self._name}: {state}>"

    @property
    def limit(self) -> int:
        """The most requests that are let in at once now."""
        return self._measured.limit

    @property
    def queued(self) -> int:
        """How many wait."""
        return self._line.size

    @property
    def usual_s(self) -> float:
        """The seconds that a call takes as a rule now, once it has a place; 0 while unknown."""
        return self._times.mean_rtt_s

    def wait_s(self, tenant: str, priority: Priority) -> float:
        """Predict how long one more would wait for a place; 0 while that is unknown."""
        if self.in_flight < self._measured.limit and not self._line.size:
            return 0.0
        rate = self._freed.rate(self._clock())
        # Whoever is the first in line waits as well, until a place becomes free.
        return 1.0 / rate + self._line.wait_s(tenant, priority, rate) if rate else 0.0

    def status(self) -> AdmissionStatus:
        """Give what there is to see."""
        measured, queue_s = self._measured, self._measured.queue_s
        return AdmissionStatus(
            model=self.view.model,
            version=self.view.version,
            limit=measured.limit,
            in_flight=self.in_flight,
            queued=self.queued,
            shed={reason.value: count for reason, count in self._series.shed_count.items()},
            rtt_ms=measured.times.mean_rtt_s * 1000 or None,
            queue_ms=None if queue_s is None else queue_s * 1000,
            useful_batch=measured.useful_batch,
        )

    def try_enter(self, ask: Ask) -> Permit | None:
        """Give a permit if nothing stands in the way; else ``enter`` finds out what does."""
        if self.in_flight >= self._measured.limit or self._line.size:
            return None
        now_s = self._clock()
        if now_s + self._times.fastest_s >= ask.deadline_s:
            return None
        return self._grant(ask.memory_bytes, now_s)

    def refuse_hopeless(self, ask: Ask) -> None:
        """Raise at once what ``enter`` would, before anything is done for the request.

        Its memory is not looked at: it need not be known yet.
        """
        if self.in_flight < self._measured.limit and not self._line.size:
            return
        now_s = self._clock()
        self._refuse_late(ask, now_s)
        if self._line.is_full_for(ask.tenant, ask.priority, now_s):
            raise self._refusal(Shed.QUEUE_FULL, self._freed.rate(now_s))

    async def enter(self, ask: Ask) -> Permit:
        """Give a permit by the deadline; raises DeadlineExceeded, Overloaded or TooLarge."""
        permit = self.try_enter(ask)
        if permit is not None:
            return permit
        now_s = self._clock()
        self._refuse_too_large(ask.memory_bytes)
        self._refuse_late(ask, now_s)
        place = _Place(asyncio.get_running_loop().create_future(), ask.memory_bytes)
        waiter = Waiter(place, ask.tenant, ask.priority, ask.deadline_s, now_s)
        pushed = self._line.join(waiter)
        if pushed is not None:
            self._turn_away(pushed, Shed.QUEUE_FULL)
        self._measured.filled(now_s)
        self.admit_waiting()
        self._arm()
        try:
            return await place.future
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def take_back(self, permit: Permit, outcome: Outcome) -> None:
        """Count the end of a permit's call and let the next one in."""
        self.in_flight -= 1
        now_s, freed = self._clock(), self._freed
        if freed.is_busy:
            freed.ended(now_s, self._measured.limit)
        if outcome is Outcome.SUCCESS:
            self._times.succeeded(now_s - permit.started_s)
        elif outcome is Outcome.DROPPED:
            self._times.dropped()
        if permit.reservoir is not None:
            permit.reservoir.release(permit.memory_bytes)
        if freed.is_busy:
            self.admit_waiting()

    def admit_waiting(self) -> None:
        """Let in who waits, while there are places and memory."""
        line = self._line
        while self.in_flight < self._measured.limit:
            now_s = self._clock()
            if not line.size:
                self._freed.stop(now_s)
                return
            waiter = line.next_waiter(now_s)
            if waiter.item.future.done():  # its task has been cancelled, and will run next
                line.leave(waiter)
            elif now_s + self._call_s(waiter.priority) >= waiter.deadline_s:
                line.leave(waiter)
                in_time = now_s + self._times.fastest_s < waiter.deadline_s
                self._turn_away(waiter, Shed.CANNOT_FINISH if in_time else Shed.DEADLINE)
            else:
                permit = self._grant(waiter.item.memory_bytes, now_s)
                if permit is None:
                    return
                line.serve(waiter)
                self._series.waited(now_s - waiter.joined_s)
                waiter.item.future.set_result(permit)

    def expire(self) -> None:
        """Turn away whose time is over, and who is to be shed."""
        lacks_memory = self.in_flight < self._measured.limit  # what else would they wait for
        for waiter, reason in self._line.take_due(self._clock()):
            by_delay = reason is Shed.DELAY
            self._turn_away(waiter, Shed.MEMORY if by_delay and lacks_memory else reason)
        self.admit_waiting()

    def turn(self, load: TritonLoad | None) -> None:
        """Set the limit by what has come back, and by what Triton says of the same time."""
        self._measured.turn(self._clock(), load)
        self._times.most_in_flight = max(self._times.most_in_flight, self.in_flight)
        self.admit_waiting()

    def show(self) -> None:
        """Write the series down."""
        self._series.show(self.limit, self.in_flight, self.queued)

    def hide(self) -> None:
        """Take the series back; who waits or is in flight still comes to its end."""
        self._series.hide()

    def reconfigure(self, view: VersionView, reservoir: Reservoir | None) -> None:
        """Follow a version's new description; who is in flight or waits stays so."""
        self.view = view
        self._measured.reconfigure(view.protection.concurrency, shape_of(view))
        self._line.policy = view.protection.queue
        self._watch(reservoir)
        self.admit_waiting()

    def _watch(self, reservoir: Reservoir | None) -> None:
        if reservoir is not self._reservoir:
            self._reservoir = reservoir
            if reservoir is not None:
                reservoir.on_release(self.admit_waiting)

    def _grant(self, memory_bytes: int, now_s: float) -> Permit | None:
        reservoir = self._reservoir if memory_bytes else None
        if reservoir is not None and not reservoir.try_reserve(memory_bytes):
            return None
        self.in_flight += 1
        self.granted += 1
        self._times.most_in_flight = max(self._times.most_in_flight, self.in_flight)
        if self.in_flight >= self._measured.limit:
            self._measured.filled(now_s)
        return Permit(self, now_s, memory_bytes, reservoir)

    def _refuse_too_large(self, needed: int) -> None:
        reservoir = self._reservoir
        if needed and reservoir is not None and not reservoir.fits_ever(needed):
            self._series.shed(Shed.MEMORY)
            raise never_fits(self._name, needed, reservoir.capacity)

    def _refuse_late(self, ask: Ask, now_s: float) -> None:
        """Refuse at once what waiting would not help."""
        left_s, fastest_s = ask.deadline_s - now_s, self._times.fastest_s
        if left_s <= fastest_s:
            self._series.shed(Shed.DEADLINE if left_s <= 0.0 else Shed.CANNOT_FINISH)
            raise too_late(self._name, left_s, fastest_s)
        line = self._line
        rate = self._freed.rate(now_s) if line.size else 0.0
        if rate:
            most_s = left_s - self._call_s(ask.priority)
            most_s = min(line.patience_s(ask.priority, left_s, now_s), most_s)
            if line.wait_s(ask.tenant, ask.priority, rate) > most_s:
                raise self._refusal(Shed.CANNOT_FINISH, rate)

    def _call_s(self, priority: Priority) -> float:
        """Give the time that a call of who waits should have left for it.

        A place is not for whom the usual call would come too late while others wait; but high
        priority may hope for the fastest.
        """
        times = self._times
        return times.fastest_s if priority is Priority.HIGH else times.mean_rtt_s

    def _refusal(self, reason: Shed, rate: float) -> ControlError:
        self._series.shed(reason)
        return refusal(reason, self._name, queued=self.queued, rate=rate)

    def _turn_away(self, waiter: Waiter[_Place], reason: Shed) -> None:
        if not waiter.item.future.done():
            rate = self._freed.rate(self._clock())
            waiter.item.future.set_exception(self._refusal(reason, rate))

    def _leave(self, waiter: Waiter[_Place]) -> None:
        """Take out a waiter whose task was cancelled, perhaps just after it had got its answer."""
        future = waiter.item.future
        self._line.leave(waiter)
        if future.done() and not future.cancelled() and future.exception() is None:
            future.result().end(Outcome.IGNORED)
        self.admit_waiting()  # it may have been waiting for memory that nobody else needs

    def _arm(self) -> None:
        """Have ``expire`` called when it is due, by one timer for all."""
        due_s = self._line.next_due_s()
        if due_s is None or (self._timer is not None and self._timer_s <= due_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        # The loop's clock is coarse: it may call a little early, but must not spin.
        delay_s = max(due_s - self._clock(), _LEAST_TIMER_S)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)
        self._timer_s = due_s

    def _on_timer(self) -> None:
        self._timer = None
        self.expire()
        self._arm()
