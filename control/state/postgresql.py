"""PostgreSQL: how long its sessions wait, and for whom.

A setting that the URL, the role or the database brings along stands.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text

#: So that a server that is away is noticed in seconds, not minutes.
_CONNECT_ARGUMENTS: Final[Mapping[str, str | int]] = {
    "application_name": "seawall",
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
#: A process that stops in the midst of a transaction must not hold its locks for good.
_SESSION: Final[Mapping[str, str]] = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}
_SET_IF_UNSET: Final = (
    "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s AND setting = '0'"
)
#: Any number does that no other program on the same database takes.
_MIGRATION_LOCK: Final = 0x5EA_3A11
_MIGRATION_TIMEOUT: Final = "60s"


def postgresql_engine(url: URL) -> Engine:
    """Give an engine over the database that ``url`` names; nothing connects yet."""
    arguments = {name: one for name, one in _CONNECT_ARGUMENTS.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        # Compare-and-set and row locks are made for it, whatever the server's default is.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
    )
    event.listen(engine, "connect", _prepare)
    return engine


def take_migration_lock(connection: Connection) -> None:
    """Let those that start at once migrate one after the other; held until the transaction ends."""
    for name in _SESSION:
        connection.execute(text(f"SET LOCAL {name} = '{_MIGRATION_TIMEOUT}'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})


def lock_table(connection: Connection, table: Table) -> None:
    """Let nobody else write to a table until the transaction ends; all may read it.

    A row's own lock is not enough where the row may not be there yet.
    """
    connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def _prepare(connection: Any, _record: Any) -> None:  # noqa: ANN401 - the library's hook
    for name, value in _SESSION.items():
        connection.execute(_SET_IF_UNSET, (value, name))
    connection.commit()
