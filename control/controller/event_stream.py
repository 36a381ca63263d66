"""What happens, told to everyone who listens, as it happens.

The last events are kept: a listener that was away for a moment hears them when it comes back.
"""

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from control.controller.dropping_queue import DroppingQueue
from control.errors import Overloaded

_KEPT: Final = 256
_MOST_LISTENERS: Final = 32


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``data`` is JSON in one line. ``event_id`` is empty where it is no one's."""

    event_id: str
    kind: str
    data: str

    def encode(self) -> bytes:
        """Write it as a server-sent event."""
        id_line = f"id: {self.event_id}\n" if self.event_id else ""
        return f"{id_line}event: {self.kind}\ndata: {self.data}\n\n".encode()


class Listener:
    """One who listens. ``start`` is the id of the last event that there was when it came."""

    def __init__(self, start: str, missed: list[Event], queue: DroppingQueue[Event]) -> None:
        """Hear ``missed`` first, and then what is put into ``queue``."""
        self.start = start
        self._missed = missed
        self._queue = queue

    async def take(self) -> list[Event]:
        """Wait for events; one who is too slow loses the oldest, and an event says so."""
        if self._missed:
            missed, self._missed = self._missed, []
            return missed
        lost, events = await self._queue.take()
        return [_lost(lost), *events] if lost else events


class EventStream:
    """Any thread publishes; listeners wait on the event loop. A lock guards events and queues.

    An id is of one controller process, and counts: after a restart all that is kept is new to
    everyone, and nobody knows how much was missed.
    """

    def __init__(
        self, *, kept: int = _KEPT, most_listeners: int = _MOST_LISTENERS, epoch: str = ""
    ) -> None:
        """Keep ``kept`` events, for each listener too; ``epoch`` names this process."""
        self._size = kept
        self._most = most_listeners
        self._epoch = epoch or f"{time.time_ns() // 10**6:x}"
        self._lock = threading.Lock()
        self._number = 0
        self._events: deque[Event] = deque(maxlen=kept)
        self._queues: set[DroppingQueue[Event]] = set()

    def check_room(self) -> None:
        """Raise Overloaded where no one more can listen."""
        if len(self._queues) >= self._most:
            message = f"{self._most} listen to events already, and no more can"
            raise Overloaded(message, retry_after_s=5)

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell everyone who listens; returns at once."""
        text = json.dumps(data)
        with self._lock:
            self._number += 1
            event = Event(self._id_of(self._number), kind, text)
            self._events.append(event)
            for queue in self._queues:  # in here, so that all hear all in the same order
                queue.put(event)

    @contextlib.contextmanager
    def listen(self, last_id: str = "") -> Iterator[Listener]:
        """Listen from the event after ``last_id`` on, or from now; raises Overloaded."""
        queue: DroppingQueue[Event] = DroppingQueue(self._size)
        with self._lock:
            self.check_room()
            listener = Listener(self._id_of(self._number), self._after(last_id), queue)
            self._queues.add(queue)
        try:
            yield listener
        finally:
            with self._lock:
                self._queues.discard(queue)

    def since(self, last_id: str) -> tuple[str, list[Event]]:
        """Give the id to go on from, and the events after ``last_id`` as far as they are kept."""
        with self._lock:
            return self._id_of(self._number), self._after(last_id)

    def _after(self, last_id: str) -> list[Event]:
        """Give the kept events after one; the first of them says how many are lost, if any."""
        if not last_id:
            return []
        epoch, _, number = last_id.partition("-")
        if epoch != self._epoch or not (number.isascii() and number.isdigit()):
            return [_lost(None), *self._events]
        seen = min(int(number[:20]), self._number)
        lost = max(0, self._number - len(self._events) - seen)
        events = list(self._events)[max(0, len(self._events) - (self._number - seen)) :]
        return [_lost(lost), *events] if lost else events

    def _id_of(self, number: int) -> str:
        return f"{self._epoch}-{number}"


def _lost(count: int | None) -> Event:
    return Event("", "lost", json.dumps({"count": count}))
