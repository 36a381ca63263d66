"""Requests in flight by key, over all workers: each counts its own, the sum is limited.

A worker that dies takes its requests with it: its successor starts from nothing, and until then
its counts are left out wherever they would be the reason to refuse.
"""

from typing import Final

from control.quotas.announcements import Announcements
from control.quotas.key_slots import KeySlots, SlotKey
from control.quotas.region_file import RegionFile

#: Words of a slot: its key's code and the count.
_COUNT: Final = 1
SLOT_WORDS: Final = 2


class InFlight:
    """The requests in flight of one worker. Each ``acquire`` that is true needs one ``release``."""

    def __init__(self, file: RegionFile, slots: KeySlots, announcements: Announcements) -> None:
        """Count in ``slots``, from nothing."""
        self._file, self._slots, self._announcements = file, slots, announcements
        self._words = file.words
        for place in slots.all_own_places():
            if self._words[place + _COUNT]:
                self._words[place + _COUNT] = 0

    def key(self, text: str) -> SlotKey:
        """Give the key of this text."""
        return self._slots.key(text)

    def acquire(self, key: SlotKey, limit: int) -> bool:
        """Count one more request if the limit allows it; raises TableFull."""
        if not self._fits(key, limit - 1):
            return False
        own = self._slots.own_place(key) or self._slots.take_place(key, self._is_unused)
        return self._announcements.add(key.code, own + _COUNT, 1, lambda: self._fits(key, limit))

    def release(self, key: SlotKey) -> None:
        """Count one request less; after the end of the counters, do nothing."""
        if not self._file.closed:
            self._words[self._slots.own_place(key) + _COUNT] -= 1

    def count(self, key: SlotKey) -> int:
        """Give the number of requests in flight, with those of workers that have just died."""
        words = self._words
        return sum([words[place + _COUNT] for place in self._slots.locate(key) if place])

    def _fits(self, key: SlotKey, limit: int) -> bool:
        return self.count(key) <= limit or self._living(key) <= limit

    def _living(self, key: SlotKey) -> int:
        """Give the number of requests in flight in workers that live: a system call for each."""
        words = self._words
        return sum(
            words[place + _COUNT]
            for region, place in enumerate(self._slots.locate(key))
            if place and words[place + _COUNT] and self._file.is_held(region)
        )

    def _is_unused(self, place: int) -> bool:
        return self._words[place + _COUNT] == 0
