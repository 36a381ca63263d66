"""Answers kept for a while, within a number of bytes."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from control.core.answer_cache import AnswerCache, Kept, Place

LIMIT_BYTES = 64 * 1024
KEYS = st.sampled_from([bytes([number]) * 32 for number in range(12)])
PLACES = st.sampled_from([("a", 1), ("a", 2), ("b", 1)])
SECONDS = st.floats(0.0, 20.0)


@dataclass(frozen=True, slots=True)
class Put:
    """What was last kept under a key."""

    place: Place
    number: int
    at_s: float
    ttl_s: float
    stale_s: float


class Use(RuleBasedStateMachine):
    """Any use of a cache, beside a record of all that was ever kept in it."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: AnswerCache[int] = AnswerCache(LIMIT_BYTES)
        self.puts: dict[bytes, Put] = {}
        self.now_s = 0.0
        self.number = 0

    @rule(key=KEYS, place=PLACES, size=st.integers(0, LIMIT_BYTES), ttl_s=SECONDS, stale_s=SECONDS)
    def put(self, key: bytes, place: Place, size: int, ttl_s: float, stale_s: float) -> None:
        self.number += 1
        fresh_until_s = self.now_s + ttl_s
        self.cache.put(
            key, Kept(place, self.number, size // 8, fresh_until_s, fresh_until_s + stale_s)
        )
        self.puts[key] = Put(place, self.number, self.now_s, ttl_s, stale_s)

    @rule(by_s=SECONDS)
    def pass_time(self, by_s: float) -> None:
        self.now_s += by_s

    @rule(key=KEYS)
    def get_fresh(self, key: bytes) -> None:
        number = self.cache.get_fresh(key, self.now_s)
        if number is not None:
            put = self.puts[key]
            assert number == put.number
            assert self.now_s < put.at_s + put.ttl_s

    @rule(key=KEYS, max_stale_s=SECONDS)
    def get_stale(self, key: bytes, max_stale_s: float) -> None:
        number = self.cache.get_stale(key, self.now_s, max_stale_s)
        if number is not None:
            put = self.puts[key]
            assert number == put.number
            assert self.now_s < put.at_s + put.ttl_s + min(max_stale_s, put.stale_s)

    @rule(key=KEYS)
    def forget(self, key: bytes) -> None:
        self.cache.forget(key)
        self.puts.pop(key, None)

    @rule(place=PLACES, all_versions=st.booleans())
    def purge(self, place: Place, all_versions: bool) -> None:
        model, version = place
        self.cache.purge(model, None if all_versions else version)
        gone = {("a", 1), ("a", 2)} if all_versions and model == "a" else {place}
        self.puts = {key: put for key, put in self.puts.items() if put.place not in gone}

    @invariant()
    def it_keeps_within_its_bytes(self) -> None:
        assert self.cache.size_bytes <= LIMIT_BYTES

    @invariant()
    def it_counts_what_it_holds(self) -> None:
        holdings = self.cache.holdings.values()
        assert sum(one.size_bytes for one in holdings) == self.cache.size_bytes
        assert sum(one.entries for one in holdings) == len(self.cache) <= len(self.puts)


class TestUse(Use.TestCase):  # type: ignore[misc, valid-type]
    """No use takes it past its bytes, or gets an answer that is too old or another's."""


def kept(number: int, *, size: int = 4000, ttl_s: float = 10.0, stale_s: float = 5.0) -> Kept[int]:
    """An answer of one version, kept at 0 seconds."""
    return Kept(("a", 1), number, size, ttl_s, ttl_s + stale_s)


def test_the_one_not_asked_for_longest_goes_first() -> None:
    """Asking for an answer saves it from those that came later."""
    cache: AnswerCache[int] = AnswerCache(LIMIT_BYTES)
    count = 0
    while cache.size_bytes + kept(0).size_bytes <= LIMIT_BYTES:
        cache.put(b"%d" % count, kept(count))
        count += 1
    assert cache.get_fresh(b"0", 0.0) == 0
    cache.put(b"more", kept(99))
    assert cache.get_fresh(b"0", 0.0) == 0
    assert cache.get_fresh(b"1", 0.0) is None
    assert len(cache) == count


def test_a_large_answer_sweeps_nothing_out() -> None:
    """What is larger than an eighth of the cache is not kept, nor is what it replaces."""
    cache: AnswerCache[int] = AnswerCache(LIMIT_BYTES)
    cache.put(b"small", kept(1))
    cache.put(b"large", kept(2))
    cache.put(b"large", kept(3, size=LIMIT_BYTES // 8))
    assert cache.get_fresh(b"small", 0.0) == 1
    assert cache.get_fresh(b"large", 0.0) is None
    cache.put(b"large", kept(4, size=cache.largest_bytes))
    assert cache.get_fresh(b"large", 0.0) == 4


def test_a_cache_without_bytes_keeps_nothing() -> None:
    """A budget of 0 turns it off."""
    cache: AnswerCache[int] = AnswerCache(0)
    cache.put(b"k", kept(1, size=0))
    assert (cache.get_fresh(b"k", 0.0), len(cache), cache.size_bytes) == (None, 0, 0)


def test_a_stale_answer_is_given_only_where_it_may_be() -> None:
    """Past its time, an answer waits for the fallback, and is dropped when it helps nobody."""
    cache: AnswerCache[int] = AnswerCache(LIMIT_BYTES)
    cache.put(b"k", kept(1))
    assert cache.get_fresh(b"k", 10.0) is None
    assert cache.get_stale(b"k", 12.0, 3.0) == 1
    assert cache.get_stale(b"k", 13.0, 3.0) is None
    assert cache.get_stale(b"k", 14.0, 60.0) == 1
    assert cache.get_fresh(b"k", 15.0) is None
    assert len(cache) == 0


def test_a_new_answer_takes_the_place_of_the_old_one() -> None:
    """A key has one answer, and counts once."""
    cache: AnswerCache[int] = AnswerCache(LIMIT_BYTES)
    cache.put(b"k", kept(1))
    cache.put(b"k", kept(2, size=100))
    assert cache.get_fresh(b"k", 0.0) == 2
    assert cache.size_bytes == kept(2, size=100).size_bytes


def test_a_purge_takes_a_version_or_the_whole_model() -> None:
    """Other versions, and other models, keep theirs."""
    cache: AnswerCache[int] = AnswerCache(LIMIT_BYTES)
    for key, place in {b"1": ("a", 1), b"2": ("a", 2), b"3": ("b", 1)}.items():
        cache.put(key, Kept(place, 7, 10, 10.0, 10.0))
    cache.purge("a", 1)
    assert set(cache.holdings) == {("a", 2), ("b", 1)}
    cache.purge("a")
    assert set(cache.holdings) == {("b", 1)}
    assert cache.get_fresh(b"3", 0.0) == 7
