"""The calls of a canary that are under way, to be taken back all at once when it is stopped.

Each is a task of its own. Whoever waits for one goes on without it: no call is sent after the turn
of the event loop in which the canary was stopped.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from control.errors import release_frames

T = TypeVar("T")


class Recalled(Exception):
    """The canary was stopped before the call had its answer."""


class UnderWay:
    """Belongs to the event loop."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Count the calls."""
        return len(self._tasks)

    def begin(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a call; one that is recalled ends as a cancelled task."""
        task = asyncio.get_running_loop().create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def recall(self) -> None:
        """Take all calls back, also those whose first turn is yet to come."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody need ask for it: its request may be gone
            return
        try:
            task.result()
        except asyncio.CancelledError as error:
            # Triton may go on with the call for long, and who waits for that knows the task: its
            # frames would keep the request.
            release_frames(error)
