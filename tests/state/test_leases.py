"""Leases: who holds what, by the database's clock."""

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from sqlalchemy import select

from control.core.rollout_record import ModelRecord
from control.errors import StateConflict
from control.state.audit import Act
from control.state.clock import DatabaseNow
from control.state.leases import Lease, LeaseLost, check_lease
from control.state.store import StateStore
from tests.support.databases import end_lease, held_lease, open_store, python
from tests.support.stack import wait_until

ACT = Act("seawall", "", 1.0)
LONG_S, SHORT_S = 60.0, 0.05
#: Renews a few times, then lets the lease run out; says each time what it was given.
CONTENDER = """\
import sys
from tests.support.databases import held_lease, open_store
from tests.support.stack import wait_until
url, holder, ttl_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
store = open_store(url)

def acquired():
    return store.leases.acquire("leader", holder, ttl_s)

def lapsed():
    lease = held_lease(store, "leader")
    return lease is None or lease.holder != holder

print("ready", flush=True)
sys.stdin.readline()
for _ in range(8):
    lease = wait_until(acquired, "the lease is free")
    for _ in range(3):
        if lease is not None:
            print(lease.holder, lease.epoch, repr(lease.expires_s), flush=True)
        lease = acquired()
    wait_until(lapsed, "the lease has run out")
store.close()
"""
#: Commits under its lease whenever it is told to.
LEADER = """\
import sys
from dataclasses import replace
from control.core.rollout_record import ModelRecord
from control.state.audit import Act
from control.state.leases import LeaseLost
from tests.support.databases import open_store
store = open_store(sys.argv[1])
lease = store.leases.acquire("leader", "first", float(sys.argv[2]))
record = None
print("ready", flush=True)
for line in sys.stdin:
    after = replace(record or ModelRecord("m"), stable=int(line))
    try:
        record = store.rollouts.commit(record, after, Act("s", "", 0.0), "led", lease)
        print("done", flush=True)
    except LeaseLost as lost:
        print(lost.message, flush=True)
store.close()
"""


def test_a_lease_is_given_to_one(store: StateStore) -> None:
    """Until it has run out nobody else gets it; other leases are apart."""
    lease = store.leases.acquire("leader", "a", LONG_S)
    assert lease is not None
    assert (lease.name, lease.holder, lease.epoch) == ("leader", "a", 1)
    assert lease.expires_s == pytest.approx(time.time() + LONG_S, abs=5.0)
    assert store.leases.acquire("leader", "b", LONG_S) is None
    assert held_lease(store, "leader") == lease
    other = store.leases.acquire("other", "b", LONG_S)
    assert other is not None
    assert other.epoch == 1


def test_its_holder_renews_it(store: StateStore) -> None:
    """It lasts from now, and stays the same lease; a shorter time shortens it."""
    first = store.leases.acquire("leader", "a", LONG_S)
    again = store.leases.acquire("leader", "a", 2 * LONG_S)
    short = store.leases.acquire("leader", "a", SHORT_S)
    assert first is not None
    assert again is not None
    assert short is not None
    assert first.epoch == again.epoch == short.epoch == 1
    assert short.expires_s < first.expires_s < again.expires_s


def test_a_lease_runs_out(store: StateStore) -> None:
    """Then another one gets it, with the next epoch, and the first one does not."""
    store.leases.acquire("leader", "a", SHORT_S)
    taken = wait_until(lambda: store.leases.acquire("leader", "b", LONG_S), "it is free")
    assert (taken.holder, taken.epoch) == ("b", 2)
    assert store.leases.acquire("leader", "a", LONG_S) is None


def test_a_lease_that_was_given_back_is_free(store: StateStore) -> None:
    """At once; who gave it back holds it no more, even if it takes it again."""
    first = store.leases.acquire("leader", "a", LONG_S)
    assert first is not None
    store.leases.release(first)
    assert held_lease(store, "leader") is None
    again = store.leases.acquire("leader", "a", LONG_S)
    assert again is not None
    assert again.epoch == 2
    store.leases.release(first)
    assert held_lease(store, "leader") == again
    with pytest.raises(LeaseLost):
        store.rollouts.commit(None, ModelRecord("m"), ACT, "x", first)


def test_a_lease_of_a_clock_that_was_ahead_is_free(store: StateStore) -> None:
    """Its holder is dead, say, and nobody would lead until the clock has caught up."""
    store.leases.acquire("leader", "a", 3600.0)
    taken = store.leases.acquire("leader", "b", 6.0)
    assert taken is not None
    assert (taken.holder, taken.epoch) == ("b", 2)
    assert taken.expires_s == pytest.approx(time.time() + 6.0, abs=5.0)


def test_a_clock_that_is_set_back_a_little_takes_no_lease_away(store: StateStore) -> None:
    """Its holder renews it long before it would be missed."""
    lease = store.leases.acquire("leader", "a", 10.0)
    assert store.leases.acquire("leader", "b", 6.0) is None
    assert held_lease(store, "leader") == lease


def test_nobody_holds_what_was_never_given(store: StateStore) -> None:
    """Whoever claims to changes nothing."""
    assert held_lease(store, "leader") is None
    claimed = Lease("leader", "a", 1, time.time() + LONG_S)
    with pytest.raises(LeaseLost):
        store.rollouts.commit(None, ModelRecord("m"), ACT, "x", claimed)
    assert store.rollouts.load_all() == {}


@pytest.mark.parametrize(("holder", "ttl_s"), [("", 1.0), ("a", 0.0), ("a", -1.0)])
def test_a_lease_needs_a_holder_and_a_time(store: StateStore, holder: str, ttl_s: float) -> None:
    """Without them it would be nobody's."""
    with pytest.raises(ValueError, match="a lease needs a holder and a time"):
        store.leases.acquire("leader", holder, ttl_s)


def test_a_change_under_a_lease_needs_it(store: StateStore) -> None:
    """Once it ran out or went to another, the change is refused as a conflict."""
    lease = store.leases.acquire("leader", "a", LONG_S)
    assert lease is not None
    record = store.rollouts.commit(None, ModelRecord("m"), ACT, "x", lease)
    forged = [
        replace(lease, holder="b"), replace(lease, epoch=2), replace(lease, name="other"),
    ]  # fmt: skip
    for one in forged:
        with pytest.raises(LeaseLost):
            store.rollouts.commit(record, replace(record, stable=1), ACT, "x", one)
    expired = store.leases.acquire("leader", "a", SHORT_S)
    wait_until(lambda: held_lease(store, "leader") is None, "it has run out")
    with pytest.raises(LeaseLost):
        store.rollouts.commit(record, replace(record, stable=1), ACT, "x", expired)
    store.leases.acquire("leader", "b", LONG_S)
    with pytest.raises(StateConflict, match="the lease 'leader' is not held by 'a' any more"):
        store.rollouts.commit(record, replace(record, stable=1), ACT, "x", lease)
    assert store.rollouts.load_all().get("m") == record
    assert store.rollouts.commit(record, replace(record, stable=1), ACT, "x").revision == 2


def test_of_many_threads_one_holds_a_lease(store: StateStore) -> None:
    """Whether it has never been given or has run out: all try at once, and one gets it."""
    at_once = threading.Barrier(8)

    def attempt(name: str, number: int) -> Lease | None:
        at_once.wait(10)
        return store.leases.acquire(name, str(number), LONG_S)

    for turn in range(10):
        name = f"leader {turn}"
        if turn % 2:
            store.leases.acquire(name, "before", SHORT_S)
            wait_until(lambda free=name: held_lease(store, free) is None, "it has run out")
        with ThreadPoolExecutor(8) as threads:
            given = [one for one in threads.map(attempt, [name] * 8, range(8)) if one is not None]
        assert [one.epoch for one in given] == [1 + turn % 2]
        assert held_lease(store, name) == given[0]


def test_of_many_processes_one_holds_a_lease(database_url: str) -> None:
    """By the database's clock no time is given to two, however they race as it runs out."""
    with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        contenders = [
            stack.enter_context(python(CONTENDER, database_url, f"p{number}", str(SHORT_S)))
            for number in range(3)
        ]
        for one in contenders:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        told = list(threads.map(lambda one: one.communicate("\n", timeout=60)[0], contenders))
        assert [one.returncode for one in contenders] == [0, 0, 0]
    given = defaultdict[int, list[tuple[str, float]]](list)
    for line in "".join(told).splitlines():
        holder, epoch, expires_s = line.split()
        given[int(epoch)].append((holder, float(expires_s)))
    assert len({holder for grants in given.values() for holder, _ in grants}) == 3
    free_s = 0.0
    for epoch in sorted(given):
        holders = {holder for holder, _ in given[epoch]}
        ends_s = sorted(expires_s for _, expires_s in given[epoch])
        assert len(holders) == 1
        assert ends_s[0] - SHORT_S >= free_s - 0.001  # the clock of SQLite counts milliseconds
        free_s = ends_s[-1]


def test_a_paused_holder_changes_nothing_more(store: StateStore, database_url: str) -> None:
    """It wakes up believing that it leads: its lease is another's, and its change is refused."""
    with python(LEADER, database_url, str(LONG_S)) as leader:
        assert leader.stdin is not None
        assert leader.stdout is not None
        assert leader.stdout.readline() == "ready\n"
        leader.stdin.write("1\n")
        leader.stdin.flush()
        assert leader.stdout.readline() == "done\n"
        end_lease(store, "leader")
        lease = store.leases.acquire("leader", "second", LONG_S)
        assert lease is not None
        told, _ = leader.communicate("2\n", timeout=60)
    assert told == "the lease 'leader' is not held by 'first' any more\n"
    record = store.rollouts.load_all().get("m")
    assert record == ModelRecord("m", 1, 1)
    assert store.rollouts.commit(record, replace(record, stable=3), ACT, "x", lease).revision == 2


def test_a_lease_is_held_until_the_change_is_done(database_url: str) -> None:
    """Who takes it while a change under it is being written waits for that to end."""
    first, second = open_store(database_url), open_store(database_url)
    lease = first.leases.acquire("leader", "a", 1.0)
    assert lease is not None
    order: list[str] = []
    entered = threading.Event()

    def write() -> None:
        with first._engine.begin() as connection:
            check_lease(connection, lease)
            entered.set()
            ran_out = select(DatabaseNow() > lease.expires_s)
            wait_until(lambda: connection.execute(ran_out).scalar_one(), "it has run out")
            order.append("changed")

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        entered.wait(10)
        taken = wait_until(lambda: second.leases.acquire("leader", "b", LONG_S), "it is free")
        order.append("taken")
        writing.result()
    assert taken.epoch == 2
    assert order == ["changed", "taken"]
    first.close()
    second.close()
