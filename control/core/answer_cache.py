"""Answers kept for a while, within a number of bytes; those not asked for longest go first.

It knows nothing of what it keeps but the size.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, TypeVar

V = TypeVar("V")

#: A single answer may fill this part of the cache, so that it cannot sweep it out.
_LARGEST_PART: Final = 8
#: What Python takes for an entry besides the value: the key, its hash, and their places.
_ENTRY_BYTES: Final = 640

#: Model and version.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """One answer: as good as new until ``fresh_until_s``, a stale one until ``kept_until_s``.

    ``value_bytes`` is what the value takes.
    """

    place: Place
    value: V
    value_bytes: int
    fresh_until_s: float
    kept_until_s: float

    @property
    def size_bytes(self) -> int:
        """What it counts for."""
        return self.value_bytes + _ENTRY_BYTES


@dataclass(slots=True)
class Holding:
    """What the cache holds of one version."""

    entries: int = 0
    size_bytes: int = 0


class AnswerCache(Generic[V]):
    """Least recently used first out. Belongs to one thread."""

    def __init__(self, limit_bytes: int) -> None:
        """Hold ``limit_bytes`` at most; 0 keeps nothing."""
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[bytes, Kept[V]] = OrderedDict()
        self._holdings: dict[Place, Holding] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._kept)

    @property
    def holdings(self) -> Mapping[Place, Holding]:
        """What it holds of each version."""
        return MappingProxyType(self._holdings)

    @property
    def largest_bytes(self) -> int:
        """A value of more than this is not kept."""
        return self._limit_bytes // _LARGEST_PART - _ENTRY_BYTES

    def put(self, key: bytes, kept: Kept[V]) -> None:
        """Keep an answer in the place of an older one, unless it is too large."""
        self.forget(key)
        if kept.value_bytes > self.largest_bytes:
            return
        self._kept[key] = kept
        self._count(kept.place, 1, kept.size_bytes)
        while self.size_bytes > self._limit_bytes:
            self.forget(next(iter(self._kept)))

    def get_fresh(self, key: bytes, now_s: float) -> V | None:
        """Give an answer that is as good as a new one."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now_s < kept.fresh_until_s:
            self._kept.move_to_end(key)
            return kept.value
        if now_s >= kept.kept_until_s:
            self.forget(key)
        return None

    def get_stale(self, key: bytes, now_s: float, max_stale_s: float) -> V | None:
        """Give an answer that may be past its time by ``max_stale_s``."""
        kept = self._kept.get(key)
        if kept is None or now_s >= min(kept.fresh_until_s + max_stale_s, kept.kept_until_s):
            return None
        self._kept.move_to_end(key)
        return kept.value

    def forget(self, key: bytes) -> None:
        """Drop one answer, if it is there."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._count(kept.place, -1, -kept.size_bytes)

    def purge(self, model: str, version: int | None = None) -> None:
        """Drop all answers of a model, or of one version of it."""
        gone = {
            place for place in self._holdings if place[0] == model and version in {None, place[1]}
        }
        if not gone:
            return
        for place in gone:
            self.size_bytes -= self._holdings.pop(place).size_bytes
        left = [(key, kept) for key, kept in self._kept.items() if kept.place not in gone]
        self._kept = OrderedDict(left)

    def _count(self, place: Place, entries: int, size_bytes: int) -> None:
        self.size_bytes += size_bytes
        holding = self._holdings.setdefault(place, Holding())
        holding.entries += entries
        holding.size_bytes += size_bytes
        if not holding.entries:
            del self._holdings[place]
