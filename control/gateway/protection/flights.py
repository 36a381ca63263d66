"""Identical requests share one call of Triton, each with its own deadline.

A flight is one call under way, in a task of its own: whoever asked first may leave before it ends.
"""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Final

from control.errors import (
    ControlError,
    DeadlineExceeded,
    Overloaded,
    UpstreamUnavailable,
    release_frames,
)
from control.gateway.codec.triton_form import Answer
from control.gateway.protection.shared_answers import answer_for
from control.gateway.replies_of_triton import TritonFull

#: Makes a right answer by a deadline, or raises.
Execute = Callable[[float], Awaitable[Answer]]

#: Failures that another caller's deadline could have spared it.
_FOR_TIME: Final = (DeadlineExceeded, Overloaded)
_TOO_LATE: Final = "no answer within the request's time"
#: A flight with less time than this ends by its own deadline, and says so: its breaker must hear
#: of a time-out, not of callers who left.
_LAST_MOMENT_S: Final = 0.005
#: A second flight, with the longest deadline of all who wait, is as a rule the last.
_MOST_FLIGHTS: Final = 4


class _Flight:
    __slots__ = (
        "answer",
        "boarded",
        "deadline_s",
        "error",
        "landed",
        "latest_s",
        "task",
        "waiters",
    )

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.latest_s = deadline_s
        self.boarded = 0
        self.landed = False
        self.waiters: set[asyncio.Future[None]] = set()
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing will come of it: also of a task that was cancelled before it began."""
        return self.landed or self.task is None or self.task.done()

    def is_final_for(self, deadline_s: float) -> bool:
        """Whether its failure is also that of a caller with this deadline.

        A flight that had too little time, or too little to be let in, says nothing of those who
        have more; one that was cancelled says nothing at all.
        """
        had_more = deadline_s - self.deadline_s > _LAST_MOMENT_S
        for_time = isinstance(self.error, _FOR_TIME) and not isinstance(self.error, TritonFull)
        return self.error is not None and not (had_more and for_time)

    def error_for_one(self) -> Exception:
        """Give one waiter its own error; what nobody foresaw is told, and logged, only once."""
        error = self.error
        if error is None or not isinstance(error, ControlError):
            self.error = ControlError("Seawall failed on this request")
            return error or self.error
        twin = copy.copy(error)
        twin.__dict__.update(error.__dict__)
        return twin


class Flights:
    """All calls that can be shared now. Belongs to the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with none."""
        self._clock = clock
        self._flights: dict[bytes, _Flight] = {}

    def __contains__(self, key: bytes) -> bool:
        """Whether a request of this key would join another."""
        flight = self._flights.get(key)
        return flight is not None and not flight.is_over

    def __len__(self) -> int:
        """Count the flights."""
        return len(self._flights)

    async def share(
        self,
        key: bytes,
        request_id: str,
        deadline_s: float,
        execute: Execute,
        landed: Callable[[Answer], None],
    ) -> Answer:
        """Join the flight of this key, or start it; ``landed`` hears of its right answer once.

        Raises the flight's failure, or DeadlineExceeded at ``deadline_s``. Where a flight failed
        for want of time that this caller has, it tries again.
        """
        latest_s = deadline_s
        for _ in range(_MOST_FLIGHTS):
            flight = self._flights.get(key)
            if flight is None or flight.is_over:
                flight = self._start(key, latest_s, execute, landed)
            await self._wait(key, flight, deadline_s)
            if flight.answer is not None:
                alone = flight.boarded == 1
                return flight.answer if alone else answer_for(request_id, flight.answer)
            if flight.is_final_for(deadline_s):
                raise flight.error_for_one()
            latest_s = max(latest_s, flight.latest_s)
        message = f"the call was given up {_MOST_FLIGHTS} times under this request"
        raise UpstreamUnavailable(message, retry_after_s=1)

    def _start(
        self, key: bytes, deadline_s: float, execute: Execute, landed: Callable[[Answer], None]
    ) -> _Flight:
        flight = self._flights[key] = _Flight(deadline_s)
        flight.task = asyncio.get_running_loop().create_task(
            self._fly(key, flight, execute, landed)
        )
        return flight

    async def _fly(
        self, key: bytes, flight: _Flight, execute: Execute, landed: Callable[[Answer], None]
    ) -> None:
        try:
            answer = await execute(flight.deadline_s)
            landed(answer)
            flight.answer = answer
        except ControlError as error:
            release_frames(error)
            flight.error = error
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
            flight.error = error
        finally:
            self._land(key, flight)

    def _land(self, key: bytes, flight: _Flight) -> None:
        flight.landed = True
        if self._flights.get(key) is flight:
            del self._flights[key]
        for waiter in flight.waiters:
            _wake(waiter)

    async def _wait(self, key: bytes, flight: _Flight, deadline_s: float) -> None:
        """Wait for the landing; a caller that leaves or runs out of time only leaves."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        flight.waiters.add(waiter)
        flight.boarded += 1
        flight.latest_s = max(flight.latest_s, deadline_s)
        timer = loop.call_at(deadline_s, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            flight.waiters.discard(waiter)
            if not flight.waiters and not flight.landed:
                self._give_up(key, flight)
        if not flight.landed:
            raise DeadlineExceeded(_TOO_LATE)

    def _give_up(self, key: bytes, flight: _Flight) -> None:
        """End a flight that nobody waits for, unless it is about to end by itself."""
        if flight.task is not None and flight.deadline_s - self._clock() > _LAST_MOMENT_S:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.task.cancel()


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
