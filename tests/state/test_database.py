"""The database as a whole."""

import signal
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect

from control.core.access import Quota, TokenRecord
from control.core.orders import Target
from control.core.protection import Override
from control.errors import StateUnavailable
from control.state.audit import Act
from control.state.schema import METADATA
from control.state.store import StateStore
from control.state.tokens import KeptToken
from tests.support.stack import ROOT

ACT = Act("token:1", "ops", 1.0)
WRITER = """\
import sys
from pathlib import Path
from control.core.access import TokenRecord
from control.state.audit import Act
from control.state.store import StateStore
from control.state.tokens import KeptToken
act = Act("s", "t", 0.0)
store = StateStore.open("", Path(sys.argv[1]))
number = 0
while True:
    number += 1
    record = TokenRecord(f"{number:08x}", bytes(32), "n", "t", frozenset({"read"}))
    store.tokens.add(KeptToken(record, float(number)), act)
    store.quotas.save("t", store.quotas.load("t") or record.quota, act)
    print(number, flush=True)
"""


def token(number: int) -> KeptToken:
    """A token of that number."""
    record = TokenRecord(f"{number:08x}", bytes(32), "n", "t", frozenset({"read"}))
    return KeptToken(record, float(number))


def test_the_files_are_their_owners_alone(store: StateStore, database: Path) -> None:
    """Nobody else may read hashes and quotas, in the database and the files beside it."""
    store.tokens.add(token(1), ACT)
    files = list(database.parent.iterdir())
    assert {one.name for one in files} == {"seawall.db", "seawall.db-wal", "seawall.db-shm"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_a_database_that_others_could_read_is_closed_to_them(database: Path) -> None:
    """A file that was left too open is made private at the next start."""
    StateStore.open("", database).close()
    database.chmod(0o644)
    StateStore.open("", database).close()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


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


def test_a_second_start_finds_everything(store: StateStore, database: Path) -> None:
    """Opening a database again changes nothing in it."""
    store.tokens.add(token(1), ACT)
    store.quotas.save("t", Quota(concurrent=1), ACT)
    store.close()
    again = StateStore.open("", database)
    assert again.tokens.load_all() == [token(1)]
    assert again.quotas.load_all() == {"t": Quota(concurrent=1)}
    again.close()


def test_an_older_database_is_brought_up_to_date(store: StateStore, database: Path) -> None:
    """What a Seawall without orders has kept is still there, and orders can be given."""
    store.tokens.add(token(1), ACT)
    store.close()
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TABLE orders")
        connection.execute("DROP TABLE audit")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    again = StateStore.open("", database)
    assert again.tokens.load_all() == [token(1)]
    again.orders.change(ACT, "limits_ordered", Target("m"), lambda _: Override(concurrency=1))
    assert [one.action for one in again.audit.load(10)] == ["limits_ordered"]
    again.close()


def test_a_migration_that_breaks_off_leaves_nothing(database: Path) -> None:
    """Either all of a migration is there or none: the next start begins from a clean state."""
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE contracts (model TEXT)")  # the last of its three tables
    connection.close()
    with pytest.raises(StateUnavailable):
        StateStore.open("", database)
    with sqlite3.connect(database) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        connection.execute("DROP TABLE contracts")
    connection.close()
    assert "tokens" not in names
    assert "tenant_quotas" not in names
    StateStore.open("", database).close()


def test_what_was_confirmed_survives_a_kill(database: Path) -> None:
    """SIGKILL in the midst of writing loses nothing that was done, and the next start works."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) >= 20:
            break
    writer.send_signal(signal.SIGKILL)
    confirmed = max([20, *map(int, writer.stdout.read().split())])
    writer.stdout.close()
    writer.wait()
    store = StateStore.open("", database)
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


def test_a_newer_database_is_not_touched(store: StateStore, database: Path, capsys) -> None:
    """A Seawall that is older than its state says so, and leaves it to the newer one."""
    store.close()
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StateUnavailable, match="does not open"):
        StateStore.open("", database)
    assert "9999" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 100]
)
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes, capsys) -> None:
    """The log says what is wrong; what was raised names no path."""
    file = tmp_path / "x.db"
    file.write_bytes(content)
    with pytest.raises(StateUnavailable) as refused:
        StateStore.open("", file)
    assert str(tmp_path) not in refused.value.message
    assert "state_unavailable" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The launcher makes the state directory; without it nothing opens."""
    with pytest.raises(StateUnavailable):
        StateStore.open("", tmp_path / "none" / "x.db")


def test_a_url_names_another_file(tmp_path: Path, database: Path) -> None:
    """With a URL the default is not used."""
    other = tmp_path / "other.db"
    store = StateStore.open(f"sqlite:///{other}", database)
    store.tokens.add(token(1), ACT)
    store.close()
    assert not database.exists()
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


def test_a_url_whose_driver_is_not_there_is_told_without_its_password(
    database: Path, capsys
) -> None:
    """The log names what is missing, and shows no credentials."""
    with pytest.raises(StateUnavailable):
        StateStore.open("postgresql://u:geheim@127.0.0.1:1/x", database)
    told = capsys.readouterr().out
    assert "geheim" not in told
    assert "state_unavailable" in told


def test_a_failing_database_is_unavailable_and_shows_nothing(store: StateStore, capsys) -> None:
    """A statement that fails is a 503; neither it nor its parameters come into the log."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    event.listen(store._engine, "before_cursor_execute", fail)
    with pytest.raises(StateUnavailable) as refused:
        store.quotas.save("acme-secret", Quota(concurrent=1), ACT)
    assert (refused.value.http_status, refused.value.retry_after_s) == (503, 1)
    assert "acme" not in refused.value.message + capsys.readouterr().out
