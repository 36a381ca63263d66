"""Tokens, quotas and contracts, kept."""

import pytest

from control.core.access import NO_QUOTA, Access, Quota, TokenRecord
from control.core.orders import Directives
from control.errors import StateConflict
from control.state.audit import Act
from control.state.contracts import ContractStore
from control.state.store import StateStore
from control.state.tokens import KeptToken, TokenStore

DAY_S = 86_400.0
FULL = Quota(1, 2, 3, 4)
ACT = Act("token:1", "ops", 5.0)


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
    store.tokens.add(one, ACT)
    store.tokens.add(kept(2), ACT)
    assert store.tokens.load_all() == [one, kept(2)]
    assert store.tokens.load(one.record.token_id) == one
    assert store.tokens.load("ffffffff") is None


def test_tokens_are_listed_in_the_order_of_their_making(store: StateStore) -> None:
    """The oldest first."""
    for number in (3, 1, 2):
        store.tokens.add(kept(number), ACT)
    assert store.tokens.load_all() == [kept(1), kept(2), kept(3)]


def test_no_two_tokens_share_an_id(store: StateStore) -> None:
    """The first one stays as it is, also once it is revoked."""
    store.tokens.add(kept(1), ACT)
    with pytest.raises(StateConflict, match="already"):
        store.tokens.add(kept(1, quota=FULL), ACT)
    assert store.tokens.load_all() == [kept(1)]
    store.tokens.revoke("00000001", ACT)
    with pytest.raises(StateConflict):
        store.tokens.add(kept(1), ACT)


def test_a_revoked_token_is_gone_for_good(store: StateStore) -> None:
    """It is neither listed nor loaded nor known to gateways, and is revoked only once."""
    store.tokens.add(kept(1), ACT)
    assert store.tokens.revoke("00000001", ACT)
    assert not store.tokens.revoke("00000001", ACT)
    assert not store.tokens.revoke("00000002", ACT)
    assert store.tokens.load_all() == []
    assert store.tokens.load("00000001") is None
    assert store.load_directives(6.0) == Directives()


def test_the_number_of_tokens_is_bounded(store: StateStore) -> None:
    """Every gateway holds them all: beyond the bound some must be revoked first."""
    few = TokenStore(store._engine, max_tokens=2)
    few.add(kept(1), ACT)
    few.add(kept(2), ACT)
    with pytest.raises(StateConflict, match="there are 2 tokens, which is the limit"):
        few.add(kept(3), ACT)
    few.revoke("00000001", ACT)
    few.add(kept(3), ACT)


def test_gateways_know_an_expired_token_for_a_day(store: StateStore) -> None:
    """So long its owner is told that it has expired; later it is unknown."""
    store.tokens.add(kept(1, expires_s=100.0), ACT)
    store.tokens.add(kept(2), ACT)
    assert set(store.load_directives(100.0 + DAY_S - 1).access.tokens) == {"00000001", "00000002"}
    assert set(store.load_directives(100.0 + DAY_S).access.tokens) == {"00000002"}
    assert store.tokens.load_all() == [kept(1, expires_s=100.0), kept(2)]


def test_access_is_tokens_and_tenants(store: StateStore) -> None:
    """What gateways decide by holds records by id, and quotas by tenant."""
    store.tokens.add(kept(1, quota=FULL), ACT)
    store.quotas.save("acme", Quota(concurrent=7), ACT)
    assert store.load_directives(0.0).access == Access(
        {"00000001": kept(1, quota=FULL).record}, {"acme": Quota(concurrent=7)}
    )


def test_a_quota_replaces_the_one_before_whole(store: StateStore) -> None:
    """A limit that is not set any longer is none."""
    store.quotas.save("acme", FULL, ACT)
    store.quotas.save("acme", Quota(concurrent=9), ACT)
    store.quotas.save("other", FULL, ACT)
    assert store.quotas.load("acme") == Quota(concurrent=9)
    assert store.quotas.load_all() == {"acme": Quota(concurrent=9), "other": FULL}


def test_a_removed_quota_is_gone(store: StateStore) -> None:
    """Once, for its tenant alone."""
    store.quotas.save("acme", FULL, ACT)
    store.quotas.save("other", FULL, ACT)
    assert store.quotas.remove("acme", ACT)
    assert not store.quotas.remove("acme", ACT)
    assert store.quotas.load("acme") is None
    assert store.quotas.load_all() == {"other": FULL}


def test_the_largest_numbers_are_kept_exactly(store: StateStore) -> None:
    """A quota of 10^15 comes back as 10^15."""
    store.quotas.save("acme", Quota(bytes_per_minute=10**15), ACT)
    assert store.quotas.load("acme") == Quota(bytes_per_minute=10**15)


def test_the_contract_that_was_kept_last_comes_last(store: StateStore) -> None:
    """Whoever keeps only some of them knows which are old."""
    times = iter([1.0, 2.0, 3.0, 4.0])
    contracts = ContractStore(store._engine, clock=lambda: next(times))
    for version in (3, 1, 2, 3):
        contracts.save("m", version, "r", b"")
    assert [version for _, version in contracts.load_all()] == [1, 2, 3]


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
