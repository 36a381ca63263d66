"""The database as a whole, of whichever kind."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, text

from control.core.access import Quota, TokenRecord
from control.core.orders import Target
from control.core.protection import Override
from control.errors import StateUnavailable
from control.state.audit import Act
from control.state.schema import METADATA
from control.state.store import StateStore
from control.state.tokens import KeptToken
from tests.support.databases import driver_error, open_store, python, raw_connection

ACT = Act("token:1", "ops", 1.0)
WRITER = """\
import sys
from control.core.access import TokenRecord
from control.state.audit import Act
from control.state.tokens import KeptToken
from tests.support.databases import open_store
act = Act("s", "t", 0.0)
store = open_store(sys.argv[1])
number = 0
while True:
    number += 1
    record = TokenRecord(f"{number:08x}", bytes(32), "n", "t", frozenset({"read"}))
    store.tokens.add(KeptToken(record, float(number)), act)
    store.quotas.save("t", store.quotas.load("t") or record.quota, act)
    print(number, flush=True)
"""
STARTER = """\
import sys
from tests.support.databases import open_store
print("ready", flush=True)
sys.stdin.readline()
open_store(sys.argv[1]).close()
"""


def token(number: int) -> KeptToken:
    """A token of that number."""
    record = TokenRecord(f"{number:08x}", bytes(32), "n", "t", frozenset({"read"}))
    return KeptToken(record, float(number))


def test_migrations_make_the_tables_that_the_code_uses(store: StateStore) -> None:
    """Tables of the code and tables of the database never drift apart."""
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        keys = {
            table: inspect(connection).get_pk_constraint(table)["constrained_columns"]
            for table in METADATA.tables
        }
    assert keys == {
        name: [one.name for one in table.primary_key] for name, table in METADATA.tables.items()
    }


def test_a_second_start_finds_everything(store: StateStore, database_url: str) -> None:
    """Opening a database again changes nothing in it."""
    store.tokens.add(token(1), ACT)
    store.quotas.save("t", Quota(concurrent=1), ACT)
    store.close()
    again = open_store(database_url)
    assert again.tokens.load_all() == [token(1)]
    assert again.quotas.load_all() == {"t": Quota(concurrent=1)}
    again.close()


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_an_older_database_is_brought_up_to_date(
    store: StateStore, database_url: str, revision: str
) -> None:
    """What a Seawall without orders, or rollouts, has kept is still there; the new can be given."""
    store.tokens.add(token(1), ACT)
    store.close()
    newer = ["leases", "rollouts", "versions", "models"]
    if revision == "0001":
        newer += ["orders", "audit"]
    with raw_connection(database_url) as connection:
        for table in newer:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    again = open_store(database_url)
    assert again.tokens.load_all() == [token(1)]
    again.orders.change(ACT, "limits_ordered", Target("m"), lambda _: Override(concurrency=1))
    assert again.audit.load(1)[0].action == "limits_ordered"
    assert again.rollouts.load_all() == {}
    assert again.leases.acquire("rollouts", "one", 1.0)
    again.close()


def test_a_migration_that_breaks_off_leaves_nothing(database_url: str) -> None:
    """Either all of a migration is there or none: the next start begins from a clean state."""
    with raw_connection(database_url) as connection:  # the last of the first step's three tables
        connection.execute(text("CREATE TABLE contracts (model TEXT)"))
    with pytest.raises(StateUnavailable):
        open_store(database_url)
    with raw_connection(database_url) as connection:
        assert inspect(connection).get_table_names() == ["contracts"]
        connection.execute(text("DROP TABLE contracts"))
    open_store(database_url).close()


def test_those_that_start_at_once_migrate_in_turn(database_url: str) -> None:
    """Of several first starts on an empty database each finds all tables, and none fails."""
    with ExitStack() as stack:
        starters = [stack.enter_context(python(STARTER, database_url)) for _ in range(4)]
        for one in starters:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in starters:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        told = [(one.communicate(timeout=60)[0], one.returncode) for one in starters]
    assert told == [("", 0)] * 4
    with raw_connection(database_url) as connection:
        assert set(METADATA.tables) <= set(inspect(connection).get_table_names())


def test_what_was_confirmed_survives_a_kill(database_url: str) -> None:
    """SIGKILL in the midst of writing loses nothing that was done, and the next start works."""
    with python(WRITER, database_url) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 20:
                break
        writer.kill()
        confirmed = max([20, *map(int, writer.stdout.read().split())])
    store = open_store(database_url)
    assert len(store.tokens.load_all()) in {confirmed, confirmed + 1}
    store.tokens.add(token(10**6), ACT)
    store.close()


def test_many_threads_may_write_and_read(store: StateStore) -> None:
    """Changes take turns: none is lost, and none fails for another."""

    def change(number: int) -> bool:
        store.tokens.add(token(number), ACT)
        store.quotas.save("t", Quota(concurrent=number), ACT)
        store.load_directives(0.0)
        return store.tokens.revoke(f"{number:08x}", ACT)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(change, range(1, 41)))
    assert store.tokens.load_all() == []


def test_a_newer_database_is_not_touched(store: StateStore, database_url: str, capsys) -> None:
    """A Seawall that is older than its state says so, and leaves it to the newer one."""
    store.close()
    with raw_connection(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateUnavailable, match="does not open"):
        open_store(database_url)
    assert "9999" in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:geheim@127.0.0.1/x",
        "postgresql://u:geheim@127.0.0.1:1/x",
        "postgresql://u:geheim@127.0.0.1:one/x",
        "postgresql://u:geheim@127.0.0.1:1/x?geheim=geheim",
    ],
)
def test_a_url_that_does_not_open_is_told_without_its_password(
    url: str, tmp_path: Path, capsys
) -> None:
    """Be it of another database, of a server that is away, or misspelt."""
    with pytest.raises(StateUnavailable) as refused:
        StateStore.open(url, tmp_path / "x.db")
    told = capsys.readouterr().out
    assert "u:geheim" not in told + refused.value.message
    assert "state_unavailable" in told


def test_a_failing_database_is_unavailable_and_shows_nothing(store: StateStore, capsys) -> None:
    """A statement that fails is a 503; neither it nor its parameters come into the log."""

    def fail(*_: object) -> None:
        raise driver_error(store)

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(StateUnavailable) as refused:
        store.quotas.save("acme-secret", Quota(concurrent=1), ACT)
    assert (refused.value.http_status, refused.value.retry_after_s) == (503, 1)
    assert "acme" not in refused.value.message + capsys.readouterr().out


def test_any_text_can_be_kept(store: StateStore) -> None:
    """What not every database takes has a mark in its place."""
    odd = Act("token:1", "ops", 1.0, "a\0b \ud800 ü 漢 😀")
    store.quotas.save("acme", Quota(concurrent=1), odd)
    assert store.audit.load(1)[0].act.reason == "a\ufffdb ? ü 漢 😀"
