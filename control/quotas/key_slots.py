"""Finds a key's slot in each worker's region: open addressing over 64-bit codes of the keys.

Double hashing over a bounded number of slots. A slot is never emptied again, only handed on to
another key once it counts nothing any more, so that no probe ends too early. Two keys with one
code would share their counts; among a million keys that has a chance of 1 in 10^7.
"""

from array import array
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from control.quotas.region_file import WORD_BYTES, RegionFile

#: The first word of a slot is the code of its key; these two are no codes.
EMPTY: Final = 0
CHANGING: Final = 1

#: A table that is half full has no slot for one new key in 2^16 then.
_PROBES: Final = 16
_MAX_KNOWN_KEYS: Final = 16_384


class TableFull(Exception):
    """No slot is free for another key."""


class SlotKey:
    """A key's code, and where its slot was last seen in each region (0: nowhere)."""

    __slots__ = ("code", "places")

    def __init__(self, text: str, regions: int) -> None:
        """Derive the code, the same one in every process."""
        digest = blake2b(text.encode(), digest_size=WORD_BYTES).digest()
        self.code = max(int.from_bytes(digest, "little"), CHANGING + 1)
        self.places = [0] * regions


class KeySlots:
    """One table of slots in every region, each with its key's code in the first word."""

    def __init__(self, file: RegionFile, *, offset: int, slots: int, slot_words: int) -> None:
        """The table starts ``offset`` words into each region; ``slots`` is a power of two."""
        self._file = file
        self._words = file.words
        self._slots, self._slot_words = slots, slot_words
        layout = file.layout
        self._firsts = [layout.start_of(region) + offset for region in range(layout.regions)]
        self._zeros = memoryview(array("Q", bytes((slot_words - 1) * WORD_BYTES)))
        self._keys: dict[str, SlotKey] = {}

    def key(self, text: str) -> SlotKey:
        """Give the key of this text."""
        key = self._keys.get(text)
        if key is None:
            if len(self._keys) >= _MAX_KNOWN_KEYS:
                self._keys.clear()
            key = self._keys[text] = SlotKey(text, self._file.layout.regions)
        return key

    def locate(self, key: SlotKey) -> list[int]:
        """Bring ``key.places`` up to date and give them."""
        words, code, places = self._words, key.code, key.places
        for region in range(self._file.held):
            place = places[region]
            if not place or words[place] != code:
                places[region] = self._probe(code, region)
        return places

    def own_place(self, key: SlotKey) -> int:
        """Give the first word of the key's slot in our region, 0 where it has none."""
        place = key.places[self._file.own]
        if place and self._words[place] == key.code:
            return place
        return self._probe(key.code, self._file.own)

    def take_place(self, key: SlotKey, is_free: Callable[[int], bool]) -> int:
        """Take a slot of our region whose ``is_free``, and empty it; raises TableFull."""
        words = self._words
        for number in range(_PROBES):
            place = self._place(key.code, self._file.own, number)
            if words[place] == EMPTY or is_free(place):
                words[place] = CHANGING  # from here on nobody reads it
                words[place + 1 : place + self._slot_words] = self._zeros
                words[place] = key.code
                key.places[self._file.own] = place
                return place
        message = f"none of the {_PROBES} slots that this key may have is free"
        raise TableFull(message)

    def all_own_places(self) -> range:
        """Give the first words of all slots of our region."""
        first = self._firsts[self._file.own]
        return range(first, first + self._slots * self._slot_words, self._slot_words)

    def _probe(self, code: int, region: int) -> int:
        words = self._words
        for number in range(_PROBES):
            place = self._place(code, region, number)
            seen = words[place]
            if seen == code:
                return place
            if seen == EMPTY:
                break
        return 0

    def _place(self, code: int, region: int, number: int) -> int:
        """Give the slot to look at in the ``number``-th place."""
        step = code >> 32 | 1  # odd, so that it comes by every slot of a power of two
        slot = (code + number * step) & (self._slots - 1)
        return self._firsts[region] + slot * self._slot_words
