"""Tokens, quotas and contracts, kept."""

import pytest

from control.core.access import NO_QUOTA, Quota, TokenRecord
from control.errors import StateConflict
from control.state.contracts import ContractStore
from control.state.store import StateStore
from control.state.tokens import KeptToken, TokenStore

DAY_S = 86_400.0
FULL = Quota(1, 2, 3, 4)


def kept(number: int = 1, *, expires_s: float | None = None, quota: Quota = NO_QUOTA) -> KeptToken:
    """A token of that number, made in that second."""
    record = TokenRecord(
        token_id=f"{number:08x}",
        digest=bytes([number]) * 32,
        name="night batch",
        tenant="acme",
        scopes=frozenset({"infer:m", "read"}),
        expires_s=expires_s,
        quota=quota,
    )
    return KeptToken(record, float(number))


def test_a_token_is_loaded_as_it_was_added(store: StateStore) -> None:
    """Every field comes back, the quota's too."""
    one = kept(1, expires_s=9.5, quota=FULL)
    store.tokens.add(one)
    store.tokens.add(kept(2))
    assert store.tokens.load_all() == [one, kept(2)]
    assert store.tokens.load(one.record.token_id) == one
    assert store.tokens.load("ffffffff") is None


def test_tokens_are_listed_in_the_order_of_their_making(store: StateStore) -> None:
    """The oldest first."""
    for number in (3, 1, 2):
        store.tokens.add(kept(number))
    assert store.tokens.load_all() == [kept(1), kept(2), kept(3)]


def test_no_two_tokens_share_an_id(store: StateStore) -> None:
    """The first one stays as it is, also once it is revoked."""
    store.tokens.add(kept(1))
    with pytest.raises(StateConflict, match="already"):
        store.tokens.add(kept(1, quota=FULL))
    assert store.tokens.load_all() == [kept(1)]
    store.tokens.revoke("00000001", 5.0)
    with pytest.raises(StateConflict):
        store.tokens.add(kept(1))


def test_a_revoked_token_is_gone_for_good(store: StateStore) -> None:
    """It is neither listed nor loaded nor known to gateways, and is revoked only once."""
    store.tokens.add(kept(1))
    assert store.tokens.revoke("00000001", 5.0)
    assert not store.tokens.revoke("00000001", 6.0)
    assert not store.tokens.revoke("00000002", 6.0)
    assert store.tokens.load_all() == []
    assert store.tokens.load("00000001") is None
    assert store.load_access(6.0) == ({}, {})


def test_the_number_of_tokens_is_bounded(store: StateStore) -> None:
    """Every gateway holds them all: beyond the bound some must be revoked first."""
    few = TokenStore(store._engine, max_tokens=2)
    few.add(kept(1))
    few.add(kept(2))
    with pytest.raises(StateConflict, match="there are 2 tokens, which is the limit"):
        few.add(kept(3))
    few.revoke("00000001", 5.0)
    few.add(kept(3))


def test_gateways_know_an_expired_token_for_a_day(store: StateStore) -> None:
    """So long its owner is told that it has expired; later it is unknown."""
    store.tokens.add(kept(1, expires_s=100.0))
    store.tokens.add(kept(2))
    assert set(store.load_access(100.0 + DAY_S - 1)[0]) == {"00000001", "00000002"}
    assert set(store.load_access(100.0 + DAY_S)[0]) == {"00000002"}
    assert store.tokens.load_all() == [kept(1, expires_s=100.0), kept(2)]


def test_access_is_tokens_and_tenants(store: StateStore) -> None:
    """What gateways decide by holds records by id, and quotas by tenant."""
    store.tokens.add(kept(1, quota=FULL))
    store.quotas.save("acme", Quota(concurrent=7))
    assert store.load_access(0.0) == (
        {"00000001": kept(1, quota=FULL).record},
        {"acme": Quota(concurrent=7)},
    )


def test_a_quota_replaces_the_one_before_whole(store: StateStore) -> None:
    """A limit that is not set any longer is none."""
    store.quotas.save("acme", FULL)
    store.quotas.save("acme", Quota(concurrent=9))
    store.quotas.save("other", FULL)
    assert store.quotas.load("acme") == Quota(concurrent=9)
    assert store.quotas.load_all() == {"acme": Quota(concurrent=9), "other": FULL}


def test_a_removed_quota_is_gone(store: StateStore) -> None:
    """Once, for its tenant alone."""
    store.quotas.save("acme", FULL)
    store.quotas.save("other", FULL)
    assert store.quotas.remove("acme")
    assert not store.quotas.remove("acme")
    assert store.quotas.load("acme") is None
    assert store.quotas.load_all() == {"other": FULL}


def test_the_largest_numbers_are_kept_exactly(store: StateStore) -> None:
    """A quota of 10^15 comes back as 10^15."""
    store.quotas.save("acme", Quota(bytes_per_minute=10**15))
    assert store.quotas.load("acme") == Quota(bytes_per_minute=10**15)


def test_the_last_contract_of_each_version_is_kept(store: StateStore) -> None:
    """Saving replaces; versions and models are apart; any bytes come back."""
    contracts = ContractStore(store._engine, clock=lambda: 5.0)
    big = 10**17
    contracts.save("m", 1, "r1", b"old")
    contracts.save("m", 1, "r2", b"\x00new")
    contracts.save("m", big, "r1", b"two")
    contracts.save("n", 1, "r1", b"")
    assert contracts.load_all() == {("m", 1): b"\x00new", ("m", big): b"two", ("n", 1): b""}
    contracts.remove("m", 1)
    contracts.remove("m", 1)
    assert contracts.load_all() == {("m", big): b"two", ("n", 1): b""}
