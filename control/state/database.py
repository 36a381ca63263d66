"""The database itself: opened, brought up to date, its faults in our own words."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from control.errors import StateUnavailable
from control.observability.logs import get_logger

_BUSY_TIMEOUT_S: Final = 5.0
_PRIVATE: Final = 0o600

_log = get_logger("state")


def open_database(url: str, default: Path) -> Engine:
    """Open the database at ``url`` (empty: SQLite in the file ``default``), and migrate it.

    Raises StateUnavailable.
    """
    with our_faults("open"):
        parsed = make_url(url) if url else make_url("sqlite://").set(database=str(default))
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() != "sqlite":
            engine = create_engine(parsed, pool_pre_ping=True)
        else:
            _make_private(Path(parsed.database or ""))
            engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        _migrate(engine)
    return engine


@contextlib.contextmanager
def our_faults(action: str) -> Iterator[None]:
    """Turn the library's errors into StateUnavailable; the details stay in the log."""
    try:
        yield
    except (SQLAlchemyError, CommandError, OSError, ImportError) as error:
        _log.error("state_unavailable", action=action, detail=_detail(error))
        message = f"Seawall's state database does not {action} now"
        raise StateUnavailable(message, retry_after_s=1) from error


def _detail(error: Exception) -> str:
    if not isinstance(error, SQLAlchemyError):
        return str(error)
    # Not the library's own text: it shows statements with their parameters.
    cause = getattr(error, "orig", None)
    return f"{type(error).__name__}: {cause}" if cause is not None else type(error).__name__


def _migrate(engine: Engine) -> None:
    """Bring the tables to the newest form, in one transaction: a kill leaves all or nothing."""
    config = Config()
    config.set_main_option("script_location", "control.state:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _make_private(file: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the database.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, _PRIVATE))
    file.chmod(_PRIVATE)


def _prepare_sqlite(connection: SqliteConnection, _record: Any) -> None:  # noqa: ANN401
    # The driver's own habit is to begin late and not at all for DDL: we say BEGIN ourselves.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Any) -> None:  # noqa: ANN401 - the library's hook
    # At once, not at the first write: two that read first and then write would refuse each other.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
