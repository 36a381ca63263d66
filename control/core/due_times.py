"""When each of many is due, and who is due first."""

from math import inf
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")
_FIRST_ROOM = 64


class DueTimes(Generic[T]):
    """An array of times: to find the least of a thousand takes microseconds."""

    __slots__ = ("_free", "_items", "_least_s", "_times")

    def __init__(self) -> None:
        """Begin empty."""
        self._times = np.full(_FIRST_ROOM, inf)
        self._items: list[T | None] = [None] * _FIRST_ROOM
        self._free = list(range(_FIRST_ROOM))
        self._least_s: float | None = inf  # None: to be looked for

    def add(self, due_s: float, item: T) -> int:
        """Note when ``item`` is due; give the place to remove it from."""
        if not self._free:
            self._grow()
        place = self._free.pop()
        self._times[place], self._items[place] = due_s, item
        if self._least_s is not None and due_s < self._least_s:
            self._least_s = due_s
        return place

    def remove(self, place: int) -> None:
        """Forget what is there."""
        if self._times[place] == self._least_s:
            self._least_s = None
        self._times[place], self._items[place] = inf, None
        self._free.append(place)

    def first_s(self) -> float:
        """Give the least time; infinity where there is nothing."""
        if self._least_s is None:
            self._least_s = float(self._times.min())
        return self._least_s

    def due(self, now_s: float) -> list[T]:
        """Give all whose time has come, the earliest first; they stay."""
        if self.first_s() > now_s:
            return []
        places = np.flatnonzero(self._times <= now_s)
        ordered = places[np.argsort(self._times[places], kind="stable")]
        return [item for place in ordered if (item := self._items[place]) is not None]

    def _grow(self) -> None:
        room = len(self._items)
        self._times = np.concatenate([self._times, np.full(room, inf)])
        self._items += [None] * room
        self._free = list(range(room, 2 * room))
