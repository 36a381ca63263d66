"""What operators lay down for gateways, from a real store and a real JWKS file."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from control.controller.directive_source import DirectiveSource
from control.core.access import Access, Quota, TokenRecord
from control.core.orders import Directives, Order, Target
from control.core.protection import Override
from control.errors import StateUnavailable
from control.identity.jwks_file import JwksFile
from control.identity.tokens import mint_token, operator_record
from control.state.audit import Act
from control.state.store import StateStore
from control.state.tokens import KeptToken
from tests.support.jwts import Issuer, jwks
from tests.support.polls import eventually

OPERATOR = operator_record(mint_token())
RECORD = TokenRecord("0" * 8, bytes(32), "n", "acme", frozenset({"read"}))
ACT = Act("token:1", "ops", 2.0)


def put(path: Path, document: bytes) -> None:
    """Write a file."""
    path.write_bytes(document)


class Followed:
    """A source that is followed as the controller's loop follows it."""

    def __init__(self, source: DirectiveSource, store: StateStore) -> None:
        self.source = source
        self.store = store
        self.sent: list[Directives] = []
        self.learned: list[Access] = []
        self.out = asyncio.Event()
        self.out.set()
        source.on_change(self.learned.append)

    async def follow(self) -> None:
        while True:
            directives = await self.source.next()
            await self.out.wait()
            self.sent.append(directives)

    async def change(self, what: object) -> None:
        """Let a change take effect, as a view of the admin API does on its thread."""
        assert what is not False
        await asyncio.to_thread(self.source.take_effect)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = StateStore.open("", tmp_path / "seawall.db")
    yield made
    made.close()


@pytest.fixture
def jwks_path(tmp_path: Path) -> Path:
    """Where the JWKS file is, or would be."""
    return tmp_path / "jwks.json"


@pytest.fixture
async def followed(store: StateStore, jwks_path: Path) -> AsyncIterator[Followed]:
    """A source that has been loaded and is followed."""
    made = Followed(DirectiveSource(store, JwksFile(jwks_path), OPERATOR), store)
    await made.source.load()
    following = asyncio.create_task(made.follow())
    yield made
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def test_the_first_reading_has_all_that_is_kept(store: StateStore, jwks_path: Path) -> None:
    """Tokens, quotas, keys and the operator's token are there before anything is published."""
    store.tokens.add(KeptToken(RECORD, 1.0), ACT)
    store.quotas.save("acme", Quota(concurrent=1), ACT)
    put(jwks_path, jwks(Issuer()))
    source = DirectiveSource(store, JwksFile(jwks_path), OPERATOR)
    assert source.current() == Directives()
    await source.load()
    access = source.current().access
    assert access.tokens == {RECORD.token_id: RECORD, OPERATOR.token_id: OPERATOR}
    assert access.tenants == {"acme": Quota(concurrent=1)}
    assert access.jwks == source.jwks.keys.document != b""


async def test_a_change_is_out_when_it_has_taken_effect(followed: Followed) -> None:
    """Whoever makes a token and waits for its effect may use it at once on every gateway."""
    await followed.change(followed.store.tokens.add(KeptToken(RECORD, 1.0), ACT))
    assert RECORD.token_id in followed.sent[-1].access.tokens
    assert followed.learned[-1] == followed.sent[-1].access
    await followed.change(followed.store.tokens.revoke(RECORD.token_id, ACT))
    assert RECORD.token_id not in followed.sent[-1].access.tokens
    assert len(followed.sent) == 2


async def test_an_order_is_out_when_it_has_taken_effect(followed: Followed) -> None:
    """Orders on models go the way of tokens and quotas; access stays as it was."""
    before = followed.source.current().access
    order = followed.store.orders.change(
        ACT, "limits_ordered", Target("m", 1), lambda _: Override(concurrency=3)
    )
    await followed.change(order)
    assert followed.sent[-1] == Directives(before, (Order("m", 1, Override(concurrency=3)),))
    assert followed.learned == [before]


async def test_nobody_waits_for_nothing(followed: Followed) -> None:
    """Where nothing has changed after all, the caller goes on and gateways hear nothing."""
    await followed.change("nothing")
    assert followed.sent == []


async def test_several_changes_may_go_out_together(followed: Followed) -> None:
    """Each caller waits for its own change, whoever else changes something meanwhile."""

    def change(number: int) -> None:
        tenant = f"t{number}"
        followed.store.quotas.save(tenant, Quota(concurrent=1), ACT)
        followed.source.take_effect()
        assert tenant in followed.sent[-1].access.tenants

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(8) as flask:
        await asyncio.gather(*(loop.run_in_executor(flask, change, n) for n in range(8)))
    assert 1 <= len(followed.sent) <= 8


async def test_a_change_that_cannot_go_out_keeps_nobody_for_ever(followed: Followed) -> None:
    """The admin API answers also while the loop is stuck; the change follows."""
    followed.out.clear()
    followed.store.quotas.save("acme", Quota(concurrent=1), ACT)
    done = threading.Event()

    def change() -> None:
        followed.source.take_effect()
        done.set()

    waiting = asyncio.create_task(asyncio.to_thread(change))
    await asyncio.wait_for(waiting, 20)
    assert done.is_set()
    assert followed.sent == []
    followed.out.set()
    await eventually(lambda: followed.sent, "the change has followed")


async def test_new_keys_go_out_by_themselves(followed: Followed, jwks_path: Path) -> None:
    """The JWKS file is watched: nobody needs to say that it has changed."""
    put(jwks_path, jwks(Issuer()))
    await eventually(lambda: followed.sent and followed.sent[-1].access.jwks, "the keys are out")
    published = followed.sent[-1].access.jwks
    put(jwks_path, b"{")
    await eventually(lambda: followed.source.jwks.fault, "the fault is seen")
    assert followed.source.current().access.jwks == published


async def test_a_failing_store_leaves_the_last_access(followed: Followed) -> None:
    """While the database does not answer what held goes on holding; then the change follows."""
    await followed.change(followed.store.quotas.save("acme", Quota(concurrent=1), ACT))
    failing = True

    def fail(*_: object) -> None:
        if failing:
            raise sqlite3.OperationalError("database is locked")

    followed.store.quotas.save("acme", Quota(concurrent=2), ACT)
    event.listen(followed.store._engine, "before_cursor_execute", fail)
    await followed.change("unreadable")
    assert followed.sent[-1].access.tenants == {"acme": Quota(concurrent=1)}
    failing = False
    await eventually(
        lambda: followed.sent[-1].access.tenants == {"acme": Quota(concurrent=2)},
        "it is read again",
    )


async def test_without_a_store_nothing_begins(store: StateStore) -> None:
    """A controller must not publish an empty access because its database is away."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(StateUnavailable):
        await DirectiveSource(store, JwksFile(None), OPERATOR).load()
