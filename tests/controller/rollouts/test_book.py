"""The records as one controller knows them, while others change them too."""

import threading
from dataclasses import replace

import pytest

from control.controller.rollouts.book import RolloutBook
from control.core.rollout import Step
from control.core.rollout_record import ModelRecord
from control.errors import StateConflict
from control.state.audit import Act
from control.state.rollouts import RolloutStore
from control.state.store import StateStore
from tests.support.rollouts import canary

ACT = Act("test", "", 1.0)
_TIMEOUT_S = 20.0


class SlowStore(RolloutStore):
    """The real one; the thread of one chosen commit is kept back after it is durable."""

    def __init__(self, store: StateStore) -> None:
        super().__init__(store._engine)
        self.slow = ""
        self.is_durable = threading.Event()
        self.may_go_on = threading.Event()

    def commit(self, before, after, act, action, lease=None):
        kept = super().commit(before, after, act, action, lease)
        if action == self.slow:
            self.is_durable.set()
            assert self.may_go_on.wait(_TIMEOUT_S)
        return kept


def heard(book: RolloutBook) -> list[tuple[str, int]]:
    """What listeners hear: the action, and the revision by it."""
    told: list[tuple[str, int]] = []
    book.on_change(lambda _, step: told.append((step.action, step.record.revision)))
    return told


def heavier(record: ModelRecord, weight: float) -> Step:
    """A step that gives the canary more requests."""
    assert record.rollout is not None
    return Step(replace(record, rollout=replace(record.rollout, weight=weight)), "weight", "")


def test_a_slow_commit_never_puts_an_older_record_back(store):
    """Of two threads the one that was first may be the last to go on: who orders comes after it."""
    slow = SlowStore(store)
    book = RolloutBook(slow)
    told = heard(book)
    begun = book.commit(None, Step(canary(), "begun", ""), ACT)
    slow.slow = "weight"
    driver = threading.Thread(target=book.commit, args=(begun, heavier(begun, 20.0), ACT))
    driver.start()
    assert slow.is_durable.wait(_TIMEOUT_S)

    def order() -> None:
        with pytest.raises(StateConflict):
            book.commit(begun, Step(replace(begun, rollout=None), "late", ""), ACT)
        now = book.record("m")
        book.commit(now, Step(replace(now, rollout=None), "rolled_back", ""), ACT)

    operator = threading.Thread(target=order)
    operator.start()
    operator.join(0.2)
    assert book.record("m").revision == 1, "whoever reads never waits"
    slow.may_go_on.set()
    for thread in (driver, operator):
        thread.join(_TIMEOUT_S)
    assert book.record("m").revision == 3
    assert book.record("m").rollout is None
    assert told == [("begun", 1), ("weight", 2), ("rolled_back", 3)]


def test_what_another_has_changed_is_heard_of_elsewhere(store):
    """With all that has changed in one step; what was there at the start is no news."""
    leader, follower = RolloutBook(store.rollouts), RolloutBook(store.rollouts)
    told, steps = heard(follower), []
    follower.on_change_elsewhere(
        lambda before, step: steps.append((before and before.revision, step.record.revision))
    )
    begun = leader.commit(None, Step(canary(), "begun", ""), ACT)
    follower.reload()
    heavy = leader.commit(begun, heavier(begun, 20.0), ACT)
    leader.commit(heavy, heavier(heavy, 50.0), ACT)
    follower.reload()
    follower.reload()
    leader.commit(None, Step(canary("another"), "begun", ""), ACT)
    follower.reload()
    assert steps == [(1, 3), (None, 1)]
    assert told == []


def test_what_made_a_step_late_is_heard_of(store):
    """The record that won is known at once."""
    leader, follower = RolloutBook(store.rollouts), RolloutBook(store.rollouts)
    begun = leader.commit(None, Step(canary(), "begun", ""), ACT)
    follower.reload()
    won: list[int] = []
    follower.on_change_elsewhere(lambda _, step: won.append(step.record.revision))
    leader.commit(begun, heavier(begun, 20.0), ACT)
    with pytest.raises(StateConflict):
        follower.commit(begun, heavier(begun, 50.0), ACT)
    assert won == [2]
    assert follower.record("m").rollout.weight == 20.0
