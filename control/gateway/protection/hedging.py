"""Tries beside each other: where one takes long, the next begins, and the first answer counts."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from control.errors import ControlError, release_frames
from control.gateway.protection.tries import Tries, TryKind, TryResult, result_of

T = TypeVar("T")


class HedgedTries(Generic[T]):
    """The tries of one request, each a task with all the time that is left."""

    __slots__ = ("_hedge_after_s", "_may_hedge", "_running", "_send", "_tries")

    def __init__(
        self, tries: Tries, send: Callable[[float], Awaitable[T]], hedge_after_s: float
    ) -> None:
        """Begin another try whenever none has ended for ``hedge_after_s``."""
        self._tries = tries
        self._send = send
        self._hedge_after_s = hedge_after_s
        self._may_hedge = True
        self._running: set[asyncio.Task[T]] = set()

    async def run(self) -> T:
        """Give the first answer; raises the last failure. The other tries are cancelled."""
        self._start(None, 0.0)
        try:
            while True:
                done = await self._next_done()
                if not done:
                    self._hedge()
                    continue
                self._running -= done
                errors = [task.exception() for task in done]
                for task, error in zip(done, errors, strict=True):
                    if error is None:
                        return task.result()
                self._go_on_after([error for error in errors if error is not None])
        finally:
            for task in self._running:
                task.cancel()

    async def _next_done(self) -> set[asyncio.Task[T]]:
        waits = self._may_hedge and self._tries.has_more()
        timeout_s = self._hedge_after_s if waits else None
        done, _ = await asyncio.wait(
            self._running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        return done

    def _hedge(self) -> None:
        self._may_hedge = self._tries.allow_hedge()
        if self._may_hedge:
            self._start(TryKind.HEDGE, 0.0)

    def _go_on_after(self, errors: list[BaseException]) -> None:
        error = next((one for one in errors if not isinstance(one, ControlError)), errors[-1])
        if not isinstance(error, ControlError):
            raise error
        if self._running:  # one of them may still answer
            return
        delay_s = self._tries.allow_retry(error, self._tries.deadline_s)
        if delay_s is None:
            raise error
        for one in errors:
            release_frames(one)
        self._start(TryKind.RETRY, delay_s)

    def _start(self, kind: TryKind | None, delay_s: float) -> None:
        task = asyncio.get_running_loop().create_task(self._try(delay_s))
        # Not in the task itself: one that is cancelled before it begins runs none of its code.
        task.add_done_callback(partial(self._ended, kind))
        self._running.add(task)

    async def _try(self, delay_s: float) -> T:
        if delay_s > 0.0:
            await asyncio.sleep(delay_s)
        return await self._send(self._tries.deadline_s)

    def _ended(self, kind: TryKind | None, task: asyncio.Task[T]) -> None:
        result = TryResult.CANCELLED if task.cancelled() else result_of(task.exception())
        if kind is not None:
            self._tries.end(kind, result)
