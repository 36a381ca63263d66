"""What is PostgreSQL's alone: its sessions."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError

from control.core.access import Quota
from control.errors import StateUnavailable
from control.state.audit import Act
from control.state.database import our_faults
from control.state.leases import check_lease
from control.state.schema import TENANT_QUOTAS
from control.state.store import StateStore
from tests.support.databases import open_store, raw_connection
from tests.support.stack import wait_until

ACT = Act("token:1", "ops", 1.0)


@pytest.fixture
def store(postgres_url: str) -> Iterator[StateStore]:
    """An empty store."""
    made = open_store(postgres_url)
    yield made
    made.close()


def shown(engine: Engine, name: str) -> str:
    """What a session takes a setting to be."""
    with engine.begin() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_no_session_waits_for_good(store: StateStore) -> None:
    """Neither for a lock nor, holding some, for its client."""
    assert shown(store._engine, "lock_timeout") == "5s"
    assert shown(store._engine, "idle_in_transaction_session_timeout") == "10s"
    assert shown(store._engine, "application_name") == "seawall"


def test_an_operators_own_settings_stand(postgres_url: str) -> None:
    """Those of the URL, and of the database; isolation alone is Seawall's to choose."""
    with raw_connection(postgres_url) as connection:
        name = connection.engine.url.database
        for setting in ("lock_timeout = '7s'", "default_transaction_isolation = 'serializable'"):
            connection.execute(text(f"ALTER DATABASE {name} SET {setting}"))
    options = "-c%20idle_in_transaction_session_timeout=3s"
    store = open_store(f"{postgres_url}&options={options}&application_name=mine")
    assert shown(store._engine, "lock_timeout") == "7s"
    assert shown(store._engine, "idle_in_transaction_session_timeout") == "3s"
    assert shown(store._engine, "application_name") == "mine"
    assert shown(store._engine, "transaction_isolation") == "read committed"
    store.close()


def test_who_stops_within_a_transaction_loses_its_locks(
    store: StateStore, postgres_url: str
) -> None:
    """A process that is frozen in the midst of a change keeps no other from the lease for good."""
    options = "-c%20idle_in_transaction_session_timeout=300"
    frozen = open_store(f"{postgres_url}&options={options}")
    lease = frozen.leases.acquire("leader", "a", 0.2)
    assert lease is not None
    connection = frozen._engine.connect()
    check_lease(connection, lease)
    taken = wait_until(lambda: store.leases.acquire("leader", "b", 60.0), "the lease is free")
    assert taken.epoch == 2
    with pytest.raises(DBAPIError):
        connection.execute(text("SELECT 1"))
    connection.close()
    frozen.close()


def test_a_lock_that_is_not_given_back_is_waited_for_a_while(
    store: StateStore, postgres_url: str
) -> None:
    """Then the change is refused as unavailable, and nothing hangs."""
    impatient = open_store(f"{postgres_url}&options=-c%20lock_timeout=100")
    with store._engine.begin() as connection:
        connection.execute(text("LOCK TABLE tenant_quotas"))
        with pytest.raises(StateUnavailable, match="does not take changes now"):
            impatient.quotas.save("t", Quota(concurrent=1), ACT)
    impatient.quotas.save("t", Quota(concurrent=1), ACT)
    impatient.close()


def test_connections_that_the_server_has_ended_are_made_anew(
    store: StateStore, postgres_url: str
) -> None:
    """A server that was restarted costs no call."""
    store.quotas.save("t", Quota(concurrent=1), ACT)
    with raw_connection(postgres_url) as connection:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        ended = connection.execute(
            text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        )
        assert ended.scalars().all() == [True]
    assert store.quotas.load("t") == Quota(concurrent=1)


def test_the_log_shows_no_rows(store: StateStore, capsys) -> None:
    """PostgreSQL tells them with its errors."""
    store.quotas.save("acme", Quota(concurrent=1), ACT)
    again = insert(TENANT_QUOTAS).values(tenant="acme")
    with (
        store._engine.begin() as connection,
        pytest.raises(StateUnavailable),
        our_faults("take changes"),
    ):
        connection.execute(again)
    told = capsys.readouterr().out
    assert "duplicate key" in told
    assert "acme" not in told
