"""Models, their versions and rollouts, kept."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event

from control.core.rollout_phases import Phase
from control.core.rollout_record import MOST_ENDED, ModelRecord, VersionRecord
from control.errors import StateConflict, StateUnavailable
from control.state.rollout_rows import EndedRollout
from control.state.store import StateStore
from tests.state.kept_records import ACT, FULL, ONE, ROLLOUT, TWO, commit, with_version
from tests.support.databases import driver_error, open_store


def test_a_record_is_loaded_as_it_was_committed(store: StateStore, database_url: str) -> None:
    """Every field, alone and with all others, also after a restart."""
    kept = commit(store, None, FULL)
    other = commit(store, None, ModelRecord("a"))
    assert kept == replace(FULL, revision=1)
    assert store.rollouts.load_all().get("m") == kept
    assert store.rollouts.load_all().get("M") is None
    store.close()
    again = open_store(database_url)
    assert again.rollouts.load_all() == {"a": other, "m": kept}
    again.close()


def test_a_change_takes_the_place_of_what_was_there(store: StateStore) -> None:
    """The whole of it: what the new record lacks is gone."""
    kept = commit(store, None, FULL)
    assert kept.revision == 1
    small = replace(kept, previous=None, versions={1: ONE}, rollout=None)
    assert commit(store, kept, small) == replace(small, revision=2)
    assert store.rollouts.load_all().get("m") == replace(small, revision=2)


def test_a_change_of_nothing_is_none(store: StateStore) -> None:
    """It raises no revision and leaves no entry."""
    kept = commit(store, None, FULL)
    assert commit(store, kept, kept) is kept
    assert commit(store, kept, replace(kept, revision=7)) is kept
    assert store.rollouts.load_all().get("m") == kept
    assert len(store.audit.load(10)) == 1


def test_who_has_not_seen_the_last_change_is_refused(store: StateStore) -> None:
    """A change made from an older record would undo the newer one: it says what it expected."""
    first = commit(store, None, FULL)
    second = commit(store, first, replace(first, stable=2))
    with pytest.raises(StateConflict) as refused:
        commit(store, first, replace(first, stable=3))
    assert refused.value.message == (
        "model 'm' has been changed by another: this change expected revision 1"
    )
    with pytest.raises(StateConflict, match="this change expected there to be nothing"):
        commit(store, None, ModelRecord("m"))
    with pytest.raises(StateConflict, match="expected revision 1"):
        commit(store, replace(first, model="x"), replace(first, model="x", stable=4))
    assert store.rollouts.load_all() == {"m": second}
    assert len(store.audit.load(10)) == 2


def test_of_two_at_once_one_wins(store: StateStore) -> None:
    """Of many changes to one revision exactly one is kept, whole; so it is with the first."""

    def attempt(number: int) -> ModelRecord | None:
        record = store.rollouts.load_all().get("m")
        version = VersionRecord(number, Phase.LIVE, str(number), float(number))
        after = replace(record or ModelRecord("m"), stable=number, versions={number: version})
        try:
            return commit(store, record, after)
        except StateConflict:
            return None

    with ThreadPoolExecutor(8) as threads:
        won = [one for one in threads.map(attempt, range(1, 61)) if one is not None]
    revisions = sorted(one.revision for one in won)
    assert revisions == list(range(1, len(won) + 1))
    assert len(store.audit.load(100)) == len(won)
    assert store.rollouts.load_all().get("m") == max(won, key=lambda one: one.revision)


def test_readers_see_whole_records(store: StateStore) -> None:
    """Never the head of one revision with the versions or the rollout of another."""

    def at(revision: int) -> ModelRecord:
        versions = {
            number: VersionRecord(number, Phase.LIVE, str(revision), 0.0)
            for number in range(1, revision % 4 + 2)
        }
        rollout = replace(ROLLOUT, rollout=f"r{revision // 2}", weight=float(revision))
        return ModelRecord("m", revision, revision, versions=versions, rollout=rollout)

    def write() -> None:
        record = None
        for revision in range(1, 41):
            record = commit(store, record, replace(at(revision), revision=revision - 1))

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        while not writing.done():
            for seen in (store.rollouts.load_all().get("m"), store.rollouts.load_all().get("m")):
                assert seen is None or seen == at(seen.revision)
        writing.result()
    assert store.rollouts.load_all().get("m") == at(40)


def test_loading_everything_takes_three_queries(store: StateStore) -> None:
    """However many models there are."""
    for number in range(5):
        rollout = replace(ROLLOUT, rollout=f"r{number}")
        commit(store, None, replace(FULL, model=f"m{number}", rollout=rollout))
    asked: list[str] = []
    event.listen(
        store._engine,
        "before_cursor_execute",
        lambda _c, _k, statement, *_: asked.append(statement),
    )
    assert len(store.rollouts.load_all()) == 5
    assert len([one for one in asked if one.startswith("SELECT")]) == 3


def test_rollouts_that_have_ended_are_kept(store: StateStore) -> None:
    """As they stood last, with how and when they ended, the last one first."""
    assert store.rollouts.history("m", 10) == []
    record = commit(store, None, FULL)
    bad = replace(TWO, phase=Phase.ROLLED_BACK, reason="3 of 20 calls failed")
    record = commit(store, record, with_version(record, bad, rollout=None))
    three = replace(ROLLOUT, rollout="r2", version=3)
    record = commit(store, record, replace(record, rollout=three))
    later = replace(ACT, at_s=200.5)
    fourth = replace(ROLLOUT, rollout="r3", version=4)
    store.rollouts.commit(record, replace(record, rollout=fourth), later, "superseded")
    commit(store, None, ModelRecord("x", rollout=replace(ROLLOUT, rollout="of x")))
    ended = [
        EndedRollout("m", three, None, "", 200.5),
        EndedRollout("m", ROLLOUT, Phase.ROLLED_BACK, "3 of 20 calls failed", 100.25),
    ]
    assert store.rollouts.history("m", 10) == ended
    assert store.rollouts.history("m", 1) == ended[:1]
    assert store.rollouts.history("x", 1) == []


def end_often(store: StateStore, count: int) -> ModelRecord:
    """End so many rollouts of one model, one after the other; another one is under way then."""
    record = commit(store, None, ModelRecord("m", rollout=replace(ROLLOUT, rollout="r0")))
    for number in range(1, count + 1):
        following = replace(record, rollout=replace(ROLLOUT, rollout=f"r{number}"))
        act = replace(ACT, at_s=1000.0 + number)
        record = store.rollouts.commit(record, following, act, "superseded")
    return record


def names_of(store: StateStore, model: str = "m") -> list[str]:
    """All that have ended, the last one first."""
    return [one.rollout.rollout for one in store.rollouts.history(model, 10 * MOST_ENDED)]


def test_of_rollouts_that_have_ended_only_the_last_are_kept(store: StateStore) -> None:
    """For each model; what is under way stays, and the audit trail goes on to tell of all."""
    other = commit(store, None, ModelRecord("x", rollout=replace(ROLLOUT, rollout="of x")))
    commit(store, other, replace(other, rollout=None))
    record = end_often(store, MOST_ENDED + 3)
    newest, oldest = MOST_ENDED + 2, 3
    assert names_of(store) == [f"r{number}" for number in range(newest, oldest - 1, -1)]
    assert names_of(store, "x") == ["of x"]
    assert store.rollouts.load_all().get("m") == record
    assert len(store.audit.load(10 * MOST_ENDED, target="models/m")) == MOST_ENDED + 4


def test_what_cannot_end_forgets_nothing(store: StateStore) -> None:
    """The oldest goes in the transaction that ends the newest, or stays with it."""
    record = end_often(store, MOST_ENDED)
    before = names_of(store)
    failing = True

    def fail(_c: object, _k: object, statement: str, *_: object) -> None:
        if failing and statement.startswith("INSERT INTO audit "):
            raise driver_error(store)

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(StateUnavailable):
        commit(store, record, replace(record, rollout=None))
    assert names_of(store) == before
    assert store.rollouts.load_all().get("m") == record
    failing = False
    later = replace(ACT, at_s=5000.0)
    store.rollouts.commit(record, replace(record, rollout=None), later, "superseded")
    assert names_of(store) == [f"r{MOST_ENDED}", *before[:-1]]


def test_each_rollout_has_an_id_of_its_own(store: StateStore) -> None:
    """One that has ended is not begun again, and no two models share one."""
    record = commit(store, None, FULL)
    ended = commit(store, record, replace(record, rollout=None))
    with pytest.raises(StateConflict, match="there has been a rollout 'r1' already"):
        commit(store, ended, replace(ended, rollout=ROLLOUT))
    with pytest.raises(StateConflict, match="there has been a rollout 'r1' already"):
        commit(store, None, ModelRecord("x", rollout=ROLLOUT))
    assert store.rollouts.load_all() == {"m": ended}


@pytest.mark.parametrize("table", ["models", "versions", "rollouts", "audit"])
def test_a_record_is_kept_whole_or_not_at_all(store: StateStore, table: str) -> None:
    """Whichever of its rows cannot be written, none of them is, and the change may come again."""
    record = commit(store, None, FULL)
    changed = with_version(record, replace(TWO, reason="x"), stable=2)
    changed = replace(changed, rollout=replace(ROLLOUT, rollout="r2"))
    failing = True
    writes = (f"INSERT INTO {table} ", f"UPDATE {table} ")

    def fail(_c: object, _k: object, statement: str, *_: object) -> None:
        if failing and statement.startswith(writes):
            raise driver_error(store)

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(StateUnavailable):
        commit(store, record, changed)
    failing = False
    assert store.rollouts.load_all().get("m") == record
    assert store.rollouts.history("m", 10) == []
    assert len(store.audit.load(10)) == 1
    assert commit(store, record, changed) == store.rollouts.load_all().get("m")


def test_a_record_comes_back_as_it_can_be_kept(store: StateStore) -> None:
    """A model's own words may hold anything: what was committed is what is loaded."""
    odd = "Traceback \0 \ud83d ü 漢 😀\n" * 1000
    record = replace(
        FULL,
        versions={1: replace(ONE, reason=odd, fault=odd)},
    )
    kept = commit(store, None, record)
    assert kept.versions[1].reason == "Traceback \ufffd ? ü 漢 😀\n" * 1000
    assert store.rollouts.load_all().get("m") == kept
