"""What requests may need at once, and who is called when there is room again."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from control.core.memory_budget import (
    UNBOUNDED,
    MemoryPool,
    Reading,
    Reservoir,
    predict_bytes,
)
from control.core.protection import MemoryPolicy

PLAIN = MemoryPolicy(bytes_per_request=1.0, headroom_percent=0.0)


def bounded(*pools: MemoryPool, policy: MemoryPolicy = PLAIN, workers: int = 1) -> Reservoir:
    """A budget within these pools."""
    reservoir = Reservoir(policy, workers)
    reservoir.bound_by(dict.fromkeys(pools, 0))
    return reservoir


def test_each_part_of_a_request_costs_its_own() -> None:
    """The prediction is the sum over rows, bytes and tokens, rounded up."""
    policy = MemoryPolicy(100.0, 10.0, 2.5, 1000.0)
    assert predict_bytes(policy, rows=3, input_bytes=7, tokens=2) == 2148


def test_without_a_reading_everything_fits() -> None:
    """Nobody is refused for a limit that nobody knows."""
    reservoir = Reservoir(PLAIN)
    assert reservoir.fits_ever(2**60)
    assert reservoir.try_reserve(2**60)
    assert reservoir.capacity == UNBOUNDED


def test_a_budget_holds_without_a_reading() -> None:
    """What the author has named bounds requests where nothing can be read."""
    reservoir = Reservoir(replace(PLAIN, budget_bytes=100))
    assert not reservoir.fits_ever(101)
    assert reservoir.try_reserve(60)
    assert not reservoir.try_reserve(41)
    assert reservoir.try_reserve(40)


def test_the_capacity_is_what_is_free_without_the_headroom() -> None:
    """A part of what the loaded model leaves is never given out, and a budget caps it."""
    pool = MemoryPool(Reading(1000, 200))
    assert bounded(pool, policy=replace(PLAIN, headroom_percent=10.0)).capacity == 720
    assert bounded(pool, policy=replace(PLAIN, budget_bytes=300)).capacity == 300


def test_workers_share_a_budget() -> None:
    """Each of several workers gives out its part, and together they give out no more."""
    pool = MemoryPool(Reading(1000, 200))
    assert bounded(pool, workers=4).capacity == 200
    assert bounded(pool, policy=replace(PLAIN, budget_bytes=400), workers=4).capacity == 100


def test_a_request_counts_in_all_pools_or_in_none() -> None:
    """The tightest pool refuses, and the others are left as they were."""
    wide, tight = MemoryPool(Reading(1000, 0)), MemoryPool(Reading(100, 0))
    reservoir = bounded(wide, tight)
    assert not reservoir.try_reserve(101)
    assert (wide.load, tight.load, reservoir.reserved) == (0, 0, 0)
    assert reservoir.try_reserve(100)
    assert (wide.load, tight.load) == (100, 100)


def test_a_request_of_one_version_takes_from_all_in_the_pool() -> None:
    """Versions in one pool leave room to each other, and wake each other."""
    pool = MemoryPool(Reading(100, 0))
    one, other = bounded(pool), bounded(pool)
    woken: list[str] = []
    one.on_release(lambda: woken.append("one"))
    other.on_release(lambda: woken.append("other"))
    assert one.try_reserve(70)
    assert not other.try_reserve(40)
    assert other.fits_ever(40)
    one.release(70)
    assert woken == ["one", "other"]
    one.try_reserve(1)
    one.release(1)
    assert woken == ["one", "other", "one"]


def test_more_room_wakes_who_was_refused() -> None:
    """A request that waits with nothing in flight is tried again when memory comes free."""
    pool = MemoryPool(Reading(100, 90))
    reservoir = bounded(pool)
    woken: list[int] = []
    reservoir.on_release(lambda: woken.append(1))
    pool.measure(Reading(100, 0))
    assert woken == []
    assert not reservoir.try_reserve(90)
    pool.measure(Reading(200, 0))
    assert woken == [1]
    assert reservoir.try_reserve(90)


def test_memory_that_nobody_predicted_shrinks_the_budget_at_once() -> None:
    """What is used beyond the requests' own is lost to them, and comes back slowly."""
    pool = MemoryPool(Reading(1000, 100))
    reservoir = bounded(pool)
    reservoir.try_reserve(300)
    pool.measure(Reading(1000, 700, reusable_bytes=300))
    assert reservoir.capacity == 600
    pool.measure(Reading(1000, 100))
    assert reservoir.capacity == 630
    for _ in range(1000):
        pool.measure(Reading(1000, 100))
    assert reservoir.capacity == 900


def test_what_requests_hold_or_leave_behind_is_not_counted_twice() -> None:
    """A process's heap that its next requests use again does not shrink their budget."""
    pool = MemoryPool(Reading(1000, 100))
    reservoir = bounded(pool)
    reservoir.try_reserve(500)
    pool.measure(Reading(1000, 600, reusable_bytes=500))
    assert reservoir.capacity == 900
    reservoir.release(500)
    pool.measure(Reading(1000, 600, reusable_bytes=500))
    assert reservoir.capacity == 900


def test_what_one_version_keeps_the_others_cannot_have() -> None:
    """A heap kept by one process is free for its own requests only."""
    pool = MemoryPool(Reading(1000, 600, reusable_bytes=500))
    keeper, other = Reservoir(PLAIN), Reservoir(PLAIN)
    keeper.bound_by({pool: 500})
    other.bound_by({pool: 0})
    assert not other.try_reserve(401)
    assert other.fits_ever(900)
    assert other.try_reserve(400)
    assert keeper.try_reserve(500)
    assert not keeper.try_reserve(1)


def test_what_fitted_once_may_fit_again() -> None:
    """Only what exceeds the best budget there has been is refused for ever."""
    pool = MemoryPool(Reading(1000, 100))
    reservoir = bounded(pool)
    pool.measure(Reading(1000, 800))
    assert reservoir.capacity == 200
    assert reservoir.fits_ever(900)
    assert not reservoir.fits_ever(901)
    pool.measure(Reading(500, 400))
    assert not reservoir.fits_ever(401)


def test_another_policy_keeps_what_is_reserved() -> None:
    """A contract that changes under load loses count of nothing."""
    reservoir = Reservoir(replace(PLAIN, budget_bytes=100))
    reservoir.try_reserve(80)
    reservoir.obey(replace(PLAIN, budget_bytes=50))
    assert not reservoir.try_reserve(1)
    reservoir.release(80)
    assert reservoir.try_reserve(50)


def test_a_closed_budget_calls_nobody_and_leaves_its_pools() -> None:
    """What was in flight when a version went may still end."""
    pool = MemoryPool(Reading(100, 0))
    reservoir = bounded(pool)
    woken: list[int] = []
    reservoir.on_release(lambda: woken.append(1))
    reservoir.try_reserve(60)
    reservoir.close()
    assert pool.load == 0
    reservoir.release(60)
    assert reservoir.reserved == 0
    assert woken == []


def test_the_peak_is_that_of_late() -> None:
    """What was reserved at most since one has asked, which begins with what still is."""
    reservoir = Reservoir(PLAIN)
    reservoir.try_reserve(50)
    reservoir.try_reserve(30)
    reservoir.release(30)
    assert (reservoir.take_peak(), reservoir.take_peak()) == (80, 50)


class Budgets(RuleBasedStateMachine):
    """Two versions in one shared pool, one of them also in a pool of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.shared = MemoryPool(Reading(600, 100)), MemoryPool(Reading(1000, 100))
        self.versions = [bounded(self.own, self.shared), bounded(self.shared)]
        self.held: list[tuple[Reservoir, int]] = []

    @rule(which=st.integers(0, 1), amount=st.integers(0, 1200))
    def reserve(self, which: int, amount: int) -> None:
        """What is reserved would also fit alone."""
        version = self.versions[which]
        if version.try_reserve(amount):
            assert version.fits_ever(amount)
            self.held.append((version, amount))

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0, 1000))
    def release(self, place: int) -> None:
        """In any order."""
        version, amount = self.held.pop(place % len(self.held))
        version.release(amount)

    @rule(used=st.integers(0, 500), kept=st.integers(0, 300))
    def measure(self, used: int, kept: int) -> None:
        """The shared pool is read anew."""
        self.shared.measure(Reading(1000, used + kept, kept))
        self.versions[0].bound_by({self.own: 0, self.shared: kept})

    @rule()
    def lose_and_find_a_pool(self) -> None:
        """A pool that was left out of a reading counts rightly when it is back."""
        self.versions[1].bound_by({})
        self.versions[1].bound_by({self.shared: 0})

    @invariant()
    def nothing_is_lost(self) -> None:
        """Reserved is what is held, and the own pool is never given out twice."""
        for version in self.versions:
            held = sum(amount for one, amount in self.held if one is version)
            assert version.reserved == held
        assert self.own.load == self.versions[0].reserved <= 500
        assert self.shared.load >= sum(version.reserved for version in self.versions)

    def teardown(self) -> None:
        """Everything can be given back."""
        for version, amount in self.held:
            version.release(amount)
        assert [version.reserved for version in self.versions] == [0, 0]
        assert self.own.load == 0


TestBudgets = Budgets.TestCase


@given(st.lists(st.integers(1, 100), max_size=50), st.integers(1, 500))
def test_no_more_is_ever_reserved_than_there_is(amounts: list[int], room: int) -> None:
    """Whatever is asked for, in whatever order."""
    reservoir = bounded(MemoryPool(Reading(room, 0)))
    for amount in amounts:
        before = reservoir.reserved
        assert reservoir.try_reserve(amount) == (before + amount <= room)
        assert reservoir.reserved <= room
