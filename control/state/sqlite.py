"""SQLite: its file, and how its connections and transactions begin."""

import os
import time
from pathlib import Path
from sqlite3 import SQLITE_BUSY, OperationalError
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event

#: A connection with this option only reads.
READS_ONLY: Final = "seawall_reads_only"

_BUSY_TIMEOUT_S: Final = 5.0
_BUSY_PAUSE_S: Final = 0.01
_PRIVATE: Final = 0o600


def sqlite_engine(url: URL) -> Engine:
    """Give an engine over the file that ``url`` names; raises OSError."""
    _make_private(Path(url.database or ""))
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(file: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the database. A file that is there is not
    # opened: to close it would drop the locks that other connections of this process have on it.
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
    except FileExistsError:
        file.chmod(_PRIVATE)


def _prepare(connection: SqliteConnection, _record: Any) -> None:  # noqa: ANN401
    # The driver's own habit is to begin late and not at all for DDL: we say BEGIN ourselves.
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _switch_to_wal(connection: SqliteConnection) -> None:
    # For this SQLite does not wait, as it does for all else, until the file is free.
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except OperationalError as error:
            if error.sqlite_errorcode != SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def _begin(connection: Connection) -> None:
    # At once, not at the first write: two that read first and then write would refuse each other.
    # Who only reads waits for no writer, and keeps none waiting.
    reads_only = connection.get_execution_options().get(READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
