"""The database itself: opened, brought up to date, its faults in our own words."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, Table, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from control.errors import StateUnavailable
from control.observability.logs import get_logger
from control.state.postgresql import lock_table, postgresql_engine, take_migration_lock
from control.state.sqlite import READS_ONLY, sqlite_engine

_log = get_logger("state")


def open_database(url: str, default: Path) -> Engine:
    """Open the database at ``url`` (empty: SQLite in the file ``default``), and migrate it.

    Raises StateUnavailable.
    """
    with our_faults("open"):
        parsed = _parsed(url) if url else make_url("sqlite://").set(database=str(default))
        is_sqlite = parsed.get_backend_name() == "sqlite"
        engine = sqlite_engine(parsed) if is_sqlite else postgresql_engine(parsed)
        try:
            _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
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


@contextlib.contextmanager
def one_moment(engine: Engine) -> Iterator[Connection]:
    """Read: all queries within see the database as it stood at one moment.

    Raises StateUnavailable.
    """
    with our_faults("answer"), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        else:
            options = {READS_ONLY: True}
        with connection.execution_options(**options).begin():
            yield connection


@contextlib.contextmanager
def in_turn(engine: Engine, table: Table) -> Iterator[Connection]:
    """Change a table by what stands in it, or does not: all who do so take turns.

    Raises StateUnavailable.
    """
    with our_faults("take changes"), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lock_table(connection, table)  # SQLite's transactions take turns as they begin
        yield connection


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ValueError as error:  # a port that is no number
        raise ArgumentError from error


def _detail(error: Exception) -> str:
    if not isinstance(error, SQLAlchemyError):
        return str(error)
    # Not the library's own text: it shows statements with their parameters.
    # Of the driver's only the first line: PostgreSQL's next ones show the rows.
    cause, _, _ = str(getattr(error, "orig", None) or "").partition("\n")
    return f"{type(error).__name__}: {cause}" if cause else type(error).__name__


def _migrate(engine: Engine) -> None:
    """Bring the tables to the newest form, in one transaction: a kill leaves all or nothing."""
    config = Config()
    config.set_main_option("script_location", "control.state:migrations")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            take_migration_lock(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
