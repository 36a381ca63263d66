"""A bounded queue from any thread to one task: whoever puts never waits, the oldest gives way."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class DroppingQueue(Generic[T]):
    """Any thread puts, one task takes. A lock guards what is in it, and who waits for it."""

    def __init__(self, size: int) -> None:
        """Hold at most ``size`` items."""
        self._size = size
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._lost = 0
        self._wake: Callable[[], object] | None = None

    def put(self, item: T) -> None:
        """Add an item; where the queue is full, the oldest is lost."""
        with self._lock:
            if len(self._items) == self._size:
                self._items.popleft()
                self._lost += 1
            self._items.append(item)
            wake, self._wake = self._wake, None
        if wake is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and who waited with it
                wake()

    async def take(self) -> tuple[int, list[T]]:
        """Wait for items; give how many were lost since the last ones, and all that there are."""
        while True:
            with self._lock:
                if self._items:
                    lost, self._lost = self._lost, 0
                    items = list(self._items)
                    self._items.clear()
                    return lost, items
                loop, woken = asyncio.get_running_loop(), asyncio.Event()
                self._wake = lambda: loop.call_soon_threadsafe(woken.set)  # noqa: B023 - at once
            await woken.wait()
