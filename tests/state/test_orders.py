"""Orders on models and the audit trail, kept."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event

from control.core.access import Quota, TokenRecord
from control.core.orders import Order, Target
from control.core.protection import NO_OVERRIDE, BreakerMode, Override
from control.errors import StateConflict, StateUnavailable
from control.state.audit import Act
from control.state.store import StateStore
from control.state.tokens import KeptToken
from tests.support.databases import driver_error, open_store

ACT = Act("token:1", "ops", 1.5, "why not")
FULL = Override(1, 2, 3, 4, BreakerMode.METRICS_ONLY, 5, 10**15)
WHOLE, ONE = Target("m"), Target("m", 1)


def order(store: StateStore, target: Target, override: Override) -> Override:
    """Put an order in the place of what was there."""
    return store.orders.change(ACT, "ordered", target, lambda _: override)


def reset(override: Override) -> Override:
    """One more epoch."""
    return replace(override, breaker_epoch=override.breaker_epoch + 1)


def test_an_order_is_loaded_as_it_was_given(store: StateStore, database_url: str) -> None:
    """Every field, for the model and for single versions, also after a restart."""
    assert order(store, ONE, FULL) == FULL
    order(store, WHOLE, Override(deadline_ms=9))
    order(store, Target("a"), FULL)
    kept = (
        Order("a", None, FULL), Order("m", None, Override(deadline_ms=9)), Order("m", 1, FULL),
    )  # fmt: skip
    assert store.load_directives(0.0).orders == kept
    assert store.orders.of_model("m") == kept[1:]
    store.close()
    again = open_store(database_url)
    assert again.load_directives(0.0).orders == kept
    again.close()


def test_a_change_builds_on_what_is_there(store: StateStore) -> None:
    """It sees the present order, or that there is none."""
    seen: list[Override] = []

    def watch(override: Override) -> Override:
        seen.append(override)
        return reset(override)

    for _ in range(2):
        store.orders.change(ACT, "reset", ONE, watch)
    assert seen == [NO_OVERRIDE, Override(breaker_epoch=1)]


def test_an_order_of_nothing_is_no_order(store: StateStore) -> None:
    """Nobody carries it around."""
    order(store, ONE, FULL)
    order(store, ONE, NO_OVERRIDE)
    assert store.load_directives(0.0).orders == ()


def test_every_act_is_kept_with_who_and_why(store: StateStore) -> None:
    """An order, its act, what was before it and what is after it."""
    order(store, ONE, Override(concurrency=2))
    store.orders.change(ACT, "reset", ONE, reset)
    entry, first = store.audit.load(10)
    assert (entry.act, entry.action, entry.target) == (ACT, "reset", "models/m/versions/1")
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["breaker_epoch"], entry.after["breaker_epoch"]) == (0, 1)
    assert entry.before["concurrency"] == entry.after["concurrency"] == 2
    assert entry.entry_id > first.entry_id


def test_tokens_and_quotas_are_audited_too(store: StateStore) -> None:
    """What was there and what is there now, without anything that opens a door."""
    record = TokenRecord("0a", b"\xab" * 32, "n", "acme", frozenset({"read", "admin"}), 9.0)
    store.tokens.add(KeptToken(record, 1.0), ACT)
    store.tokens.revoke("0a", ACT)
    store.quotas.save("acme", Quota(concurrent=1), ACT)
    store.quotas.save("acme", Quota(concurrent=2), ACT)
    store.quotas.remove("acme", ACT)
    entries = store.audit.load(10)
    assert [(one.action, one.target) for one in entries] == [
        ("quota_removed", "tenants/acme"),
        ("quota_set", "tenants/acme"),
        ("quota_set", "tenants/acme"),
        ("token_revoked", "tokens/0a"),
        ("token_created", "tokens/0a"),
    ]
    facts = {
        "name": "n", "tenant": "acme", "scopes": "admin read", "expires_at": 9.0,
        "requests_per_second": None, "tokens_per_minute": None, "bytes_per_minute": None,
        "concurrent": None,
    }  # fmt: skip
    assert [(one.before, one.after) for one in entries[3:]] == [(facts, None), (None, facts)]
    concurrents = [
        tuple(None if facts is None else facts["concurrent"] for facts in (one.before, one.after))
        for one in entries[:3]
    ]
    assert concurrents == [(2, None), (1, 2), (None, 1)]


def test_what_did_not_happen_is_not_audited(store: StateStore) -> None:
    """Neither what changed nothing nor what was refused."""
    record = TokenRecord("0a", bytes(32), "n", "acme", frozenset({"read"}))
    store.tokens.add(KeptToken(record, 1.0), ACT)
    with pytest.raises(StateConflict):
        store.tokens.add(KeptToken(record, 1.0), ACT)
    assert not store.tokens.revoke("0b", ACT)
    assert not store.quotas.remove("acme", ACT)

    def refuse(_: Override) -> Override:
        raise StateConflict("no")

    with pytest.raises(StateConflict):
        store.orders.change(ACT, "ordered", ONE, refuse)
    assert [one.action for one in store.audit.load(10)] == ["token_created"]


@pytest.mark.parametrize("table", ["orders", "tokens", "tenant_quotas", "audit"])
def test_an_act_and_its_entry_are_kept_both_or_neither(store: StateStore, table: str) -> None:
    """Whichever of the two cannot be written, the other is not there either."""
    failing = True

    def fail(_c: object, _k: object, statement: str, *_: object) -> None:
        if failing and statement.startswith(f"INSERT INTO {table} "):
            raise driver_error(store)

    event.listen(store._engine, "before_cursor_execute", fail)
    record = TokenRecord("0a", bytes(32), "n", "acme", frozenset({"read"}))
    acts = {
        "orders": lambda: order(store, ONE, FULL),
        "tokens": lambda: store.tokens.add(KeptToken(record, 1.0), ACT),
        "tenant_quotas": lambda: store.quotas.save("acme", Quota(concurrent=1), ACT),
    }
    for name, act in acts.items():
        if table in {name, "audit"}:
            with pytest.raises(StateUnavailable):
                act()
    failing = False
    assert store.audit.load(10) == []
    directives = store.load_directives(0.0)
    assert (directives.orders, directives.access.tokens, directives.access.tenants) == ((), {}, {})


def test_the_trail_is_read_in_pages(store: StateStore) -> None:
    """Newest first; each page goes on below the one before."""
    for number in range(5):
        order(store, ONE, Override(deadline_ms=number + 1))
    ids = [one.entry_id for one in store.audit.load(10)]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 5
    assert [one.entry_id for one in store.audit.load(2)] == ids[:2]
    assert [one.entry_id for one in store.audit.load(2, ids[1])] == ids[2:4]
    assert store.audit.load(2, ids[-1]) == []


def test_a_target_takes_what_lies_below_it(store: StateStore) -> None:
    """A model with its versions, but no model whose name only begins like it."""
    for target in (Target("m"), Target("m", 1), Target("mm"), Target("M"), Target("m", 12)):
        order(store, target, FULL)

    def targets(target: str) -> list[str]:
        return sorted(one.target for one in store.audit.load(10, target=target))

    assert targets("models/m") == ["models/m", "models/m/versions/1", "models/m/versions/12"]
    assert targets("models/m/versions/1") == ["models/m/versions/1"]
    assert targets("models/%") == targets("models/_") == []


def test_acts_at_once_take_turns(store: StateStore) -> None:
    """Of many resets at once none is lost: each has its epoch and its entry."""
    with ThreadPoolExecutor(8) as threads:
        given = list(
            threads.map(lambda _: store.orders.change(ACT, "reset", ONE, reset), range(40))
        )
    assert sorted(one.breaker_epoch for one in given) == list(range(1, 41))
    assert len(store.audit.load(100)) == 40
