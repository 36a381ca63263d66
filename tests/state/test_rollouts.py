"""Models, their versions and rollouts, kept."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event

from control.core.canary_policy import Isolation
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.errors import StateConflict, StateUnavailable
from control.state.audit import Act
from control.state.rollout_rows import EndedRollout
from control.state.store import StateStore
from tests.support.databases import driver_error, open_store

ACT = Act("seawall", "", 100.25, "because")
BIG = 10**17
ONE = VersionRecord(1, Phase.LIVE, "it was there at the start", 1.5, "sha256:1")
TWO = VersionRecord(2, Phase.CANARY, "it answers 5 % of the requests", 2.123456789, "sha256:2")
ROLLOUT = Rollout(
    rollout="r1",
    version=2,
    stable=1,
    isolation=Isolation.OWN_SERVER,
    started_s=2.5,
    step=1,
    step_since_s=3.25,
    step_samples=40,
    weight=12.5,
    is_manual=True,
    is_paused=True,
)
FULL = ModelRecord(
    model="m",
    stable=1,
    previous=BIG,
    versions={1: ONE, 2: TWO, BIG: VersionRecord(BIG, Phase.RETIRED, "", 0.0, "", "changed")},
    rollout=ROLLOUT,
)


def commit(store: StateStore, before: ModelRecord | None, after: ModelRecord) -> ModelRecord:
    """Commit, whatever the act."""
    return store.rollouts.commit(before, after, ACT, "changed")


def with_version(record: ModelRecord, version: VersionRecord, **changes: object) -> ModelRecord:
    """The record with this version in the place of what it had of that number."""
    versions = {**record.versions, version.version: version}
    return replace(record, versions=versions, **changes)


def test_a_record_is_loaded_as_it_was_committed(store: StateStore, database_url: str) -> None:
    """Every field, alone and with all others, also after a restart."""
    kept = commit(store, None, FULL)
    other = commit(store, None, ModelRecord("a"))
    assert kept == replace(FULL, revision=1)
    assert store.rollouts.load("m") == kept
    assert store.rollouts.load("M") is None
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
    assert store.rollouts.load("m") == replace(small, revision=2)


def test_a_change_of_nothing_is_none(store: StateStore) -> None:
    """It raises no revision and leaves no entry."""
    kept = commit(store, None, FULL)
    assert commit(store, kept, kept) is kept
    assert commit(store, kept, replace(kept, revision=7)) is kept
    assert store.rollouts.load("m") == kept
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
        record = store.rollouts.load("m")
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
    assert store.rollouts.load("m") == max(won, key=lambda one: one.revision)


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
            for seen in (store.rollouts.load("m"), store.rollouts.load_all().get("m")):
                assert seen is None or seen == at(seen.revision)
        writing.result()
    assert store.rollouts.load("m") == at(40)


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


def test_each_rollout_has_an_id_of_its_own(store: StateStore) -> None:
    """One that has ended is not begun again, and no two models share one."""
    record = commit(store, None, FULL)
    ended = commit(store, record, replace(record, rollout=None))
    with pytest.raises(StateConflict, match="there has been a rollout 'r1' already"):
        commit(store, ended, replace(ended, rollout=ROLLOUT))
    with pytest.raises(StateConflict, match="there has been a rollout 'r1' already"):
        commit(store, None, ModelRecord("x", rollout=ROLLOUT))
    assert store.rollouts.load_all() == {"m": ended}


def test_the_audit_trail_shows_what_differs(store: StateStore) -> None:
    """Of a version where only that one is touched, else of the model; times are the entry's."""
    record = commit(store, None, ModelRecord("m", stable=1, versions={1: ONE}))
    record = commit(store, record, with_version(record, replace(TWO, phase=Phase.STAGED)))
    record = commit(store, record, with_version(record, replace(TWO, since_s=9.0), rollout=ROLLOUT))
    record = commit(store, record, replace(record, rollout=replace(ROLLOUT, weight=50.0, step=2)))
    both = {1: replace(ONE, phase=Phase.RETIRED), 2: replace(TWO, phase=Phase.LIVE)}
    commit(store, record, replace(record, stable=2, versions=both, rollout=None))
    entries = store.audit.load(10)[::-1]
    version_1 = {"phase": "live", "reason": ONE.reason, "digest": "sha256:1", "fault": ""}
    version_2 = {"phase": "staged", "reason": TWO.reason, "digest": "sha256:2", "fault": ""}
    head = {"stable": 1, "previous": None}
    begun = {
        "rollout": "r1", "version": 2, "stable": 1, "isolation": "own_server", "step": 1,
        "step_samples": 40, "weight": 12.5, "is_manual": True, "is_paused": True,
    }  # fmt: skip
    assert [(one.target, one.before, one.after) for one in entries] == [
        ("models/m/versions/1", None, {**head, "versions": {"1": version_1}, "rollout": None}),
        ("models/m/versions/2", {"versions": {"2": None}}, {"versions": {"2": version_2}}),
        (
            "models/m/versions/2",
            {"versions": {"2": {"phase": "staged"}}, "rollout": None},
            {"versions": {"2": {"phase": "canary"}}, "rollout": begun},
        ),
        (
            "models/m/versions/2",
            {"rollout": {"step": 1, "weight": 12.5}},
            {"rollout": {"step": 2, "weight": 50.0}},
        ),
        (
            "models/m",
            {
                "stable": 1,
                "versions": {"1": {"phase": "live"}, "2": {"phase": "canary"}},
                "rollout": {**begun, "step": 2, "weight": 50.0},
            },
            {
                "stable": 2,
                "versions": {"1": {"phase": "retired"}, "2": {"phase": "live"}},
                "rollout": None,
            },
        ),
    ]
    assert {(one.act, one.action) for one in entries} == {(ACT, "changed")}


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
    assert store.rollouts.load("m") == record
    assert store.rollouts.history("m", 10) == []
    assert len(store.audit.load(10)) == 1
    assert commit(store, record, changed) == store.rollouts.load("m")


def test_a_record_comes_back_as_it_can_be_kept(store: StateStore) -> None:
    """A model's own words may hold anything: what was committed is what is loaded."""
    odd = "Traceback \0 \ud83d ü 漢 😀\n" * 1000
    record = replace(
        FULL,
        versions={1: replace(ONE, reason=odd, fault=odd)},
    )
    kept = commit(store, None, record)
    assert kept.versions[1].reason == "Traceback \ufffd ? ü 漢 😀\n" * 1000
    assert store.rollouts.load("m") == kept
