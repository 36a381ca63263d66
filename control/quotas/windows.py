"""Sliding windows that all workers of a host count in, each in its own region.

**What is counted.** A window of ``w`` seconds is cut into 100 buckets. An amount is let in during
bucket ``j`` if buckets ``j-100 .. j`` of all workers hold no more than the limit with it. Those
buckets cover the last ``w`` seconds and up to a hundredth more, so no stretch of ``w`` seconds,
whatever its phase, holds more than the limit; a caller that always wants more gets 100/101 of it.
(The usual form, two counters with the older one weighted, gives a caller that starts late in a
window almost twice its limit in its first seconds.)

**How.** A slot holds the running total of a key and, in a ring, what that total was at the start
of each recent bucket: the use of a window is one subtraction for each worker.

**Two workers at once** cannot exceed the limit together: see ``announcements``.

**Even rates.** A caller that always wants more would take its whole limit at once, and again when
the window has passed. So while a window was full within the last ``w`` seconds, single requests
are also spaced (GCRA: one every ``w / limit`` seconds, a twentieth of ``w`` ahead at most). Once
spread, they stay spread. Who never fills its window is never spaced.

**Time** is the host's monotonic clock, one for all processes. A worker that was stopped between
reading the clock and its decision starts again, so that what it lets in is counted in the bucket
in which it is let in.
"""

import contextlib
from array import array
from collections.abc import Callable, Sequence
from typing import Final

from control.quotas.announcements import Announcements
from control.quotas.key_slots import KeySlots, SlotKey, TableFull
from control.quotas.region_file import RegionFile

BUCKETS: Final = 100
_RING: Final = 128  # a power of two above BUCKETS + 1

#: Words of a slot after its key's code: the width of its buckets in microseconds, the last bucket
#: that it counted in, the total, the last bucket that found the window full, when the next spaced
#: request is due in microseconds, and the total at the start of each recent bucket.
_WIDTH, _LAST, _TOTAL, _FULL, _DUE, _STARTS = 1, 2, 3, 4, 5, 6
SLOT_WORDS: Final = _STARTS + _RING

_US: Final = 1_000_000
_WIDTH_US_PER_S: Final = _US // BUCKETS
_ATTEMPTS: Final = 4
_LATE: Final = 10  # spaced requests may make up for this part of the window


class SlidingWindows:
    """The windows of one worker. ``window_s`` is whole seconds throughout."""

    def __init__(
        self,
        file: RegionFile,
        slots: KeySlots,
        announcements: Announcements,
        clock: Callable[[], float],
    ) -> None:
        """Count in ``slots`` by a monotonic ``clock`` that all processes share (seconds)."""
        self._slots, self._announcements, self._clock = slots, announcements, clock
        self._words = file.words

    def key(self, text: str) -> SlotKey:
        """Give the key of this text."""
        return self._slots.key(text)

    def take(self, key: SlotKey, limit: int, window_s: int, amount: int) -> bool:
        """Count ``amount`` if the limit allows it; raises TableFull where it cannot be counted."""
        for _ in range(_ATTEMPTS):
            taken = self._try_once(key, limit, window_s, amount)
            if taken is not None:
                return taken
        return False

    def used(self, key: SlotKey, window_s: int) -> int:
        """Give what is counted in the window now."""
        return self._use(key, self._now_us() // (window_s * _WIDTH_US_PER_S))

    def seconds_until_less(self, key: SlotKey, window_s: int, amount: int) -> float:
        """Give the seconds until ``amount`` of what is counted now has left the window."""
        width_us = window_s * _WIDTH_US_PER_S
        now_us = self._now_us()
        bucket = now_us // width_us
        places = self._slots.locate(key)
        target = max(self._sum(places, bucket) - amount, 0)
        early, late = bucket + 1, bucket + 1 + BUCKETS  # by the latter, all of it has left
        while early < late:
            middle = (early + late) // 2
            if self._sum(places, middle) > target:
                early = middle + 1
            else:
                late = middle
        return (late * width_us - now_us) / _US

    def _try_once(self, key: SlotKey, limit: int, window_s: int, amount: int) -> bool | None:
        """Take or refuse; None where the bucket was over before the decision."""
        width_us = window_s * _WIDTH_US_PER_S
        now_us = self._now_us()
        bucket = now_us // width_us
        if self._use(key, bucket) + amount > limit:
            if amount == 1:
                self._note_full(key, width_us, bucket)
            return False
        due_us = self._due_us(key, bucket) if amount == 1 else 0
        if due_us > now_us:
            return False
        own = self._own(key, width_us, bucket)
        total = own + _TOTAL
        fits = self._announcements.add(
            key.code, total, amount, lambda: self._use(key, bucket) <= limit
        )
        if fits and self._now_us() // width_us != bucket:
            self._words[total] -= amount
            return None
        if fits and due_us:
            late_us = now_us - due_us
            base_us = due_us if late_us * _LATE < window_s * _US else now_us
            self._words[own + _DUE] = base_us + (BUCKETS + 1) * width_us // limit
        return fits

    def _note_full(self, key: SlotKey, width_us: int, bucket: int) -> None:
        with contextlib.suppress(TableFull):  # then its requests will just not be spaced
            self._words[self._own(key, width_us, bucket) + _FULL] = bucket

    def _now_us(self) -> int:
        return int(self._clock() * _US)

    def _use(self, key: SlotKey, bucket: int) -> int:
        """Give what the window that ends with ``bucket`` holds."""
        return self._sum(self._slots.locate(key), bucket)

    def _sum(self, places: Sequence[int], bucket: int) -> int:
        """Sum that over the workers' slots."""
        words, first, used = self._words, bucket - BUCKETS, 0
        for place in places:
            if place and words[place + _LAST] >= first:
                used += words[place + _TOTAL] - words[place + _STARTS + first % _RING]
        return used

    def _due_us(self, key: SlotKey, bucket: int) -> int:
        """Give when the next spaced request is due; 0 where requests are not spaced."""
        words, full, due_us = self._words, 0, 1
        for place in key.places:
            if place:
                full = max(full, words[place + _FULL])
                due_us = max(due_us, words[place + _DUE])
        return due_us if full + BUCKETS >= bucket else 0

    def _own(self, key: SlotKey, width_us: int, bucket: int) -> int:
        """Give the first word of our slot of the key, brought up to ``bucket``."""
        words = self._words
        own = self._slots.own_place(key)
        if not own:
            own = self._slots.take_place(key, lambda place: self._is_over(place, bucket * width_us))
            words[own + _WIDTH] = width_us
        last, starts, total = words[own + _LAST], own + _STARTS, words[own + _TOTAL]
        if bucket > last + BUCKETS:  # the window is over, so nobody reads its ring
            words[starts : starts + _RING] = memoryview(array("Q", [total]) * _RING)
        else:
            for between in range(last + 1, bucket + 1):
                words[starts + between % _RING] = total
        words[own + _LAST] = max(last, bucket)
        return own

    def _is_over(self, place: int, now_us: int) -> bool:
        words = self._words
        width_us = words[place + _WIDTH] or 1  # none: its worker died while it took the slot
        return now_us // width_us > words[place + _LAST] + BUCKETS
