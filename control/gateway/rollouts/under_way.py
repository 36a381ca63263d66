"""The calls of a canary that are under way, to be taken back all at once when it is stopped.

Whoever waits for a place, for a connection or for the answer goes on without it: no call is sent
after the turn of the event loop in which the canary was stopped.
"""

import asyncio
from types import TracebackType
from typing import Any


class Recalled(Exception):
    """The canary was stopped before the call had its answer."""


class UnderWay:
    """Belongs to the event loop."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        """Begin with none."""
        self._calls: dict[asyncio.Task[Any], Call] = {}

    def __len__(self) -> int:
        """Count the calls."""
        return len(self._calls)

    def call(self) -> "Call":
        """Give the scope of a call of this task's; it raises Recalled where the call is."""
        return Call(self._calls)

    def recall(self) -> None:
        """Take all calls back. Not from within one."""
        for task, call in self._calls.items():
            if not call.is_recalled:
                call.is_recalled = True
                task.cancel()


class Call:
    """One call's scope: like asyncio.timeout, but somebody says when."""

    __slots__ = ("_before", "_calls", "_task", "is_recalled")

    def __init__(self, calls: "dict[asyncio.Task[Any], Call]") -> None:
        """Stand among ``calls`` while it lasts."""
        self._calls = calls
        self.is_recalled = False

    def __enter__(self) -> None:
        """Begin."""
        task = asyncio.current_task()
        assert task is not None, "calls are made in tasks"  # noqa: S101
        self._task = task
        self._before = task.cancelling()
        self._calls[task] = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; raises Recalled in place of the cancellation that ``recall`` has caused."""
        del self._calls[self._task]
        if self.is_recalled:
            cancelled = self._task.uncancel()
            if kind is asyncio.CancelledError and cancelled <= self._before:
                raise Recalled from error
