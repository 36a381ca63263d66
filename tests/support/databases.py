"""Databases in tests, of whichever kind, and processes that use them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url

from control.state.store import StateStore
from tests.support.stack import ROOT

#: Where no database is ever made: every test names its own.
_NOWHERE = Path("/nowhere/seawall.db")


def open_store(url: str) -> StateStore:
    """Open what is at a URL, as a process does at its start."""
    return StateStore.open(url, _NOWHERE)


@contextmanager
def raw_connection(url: str) -> Iterator[Connection]:
    """Give a connection, in a transaction, that knows nothing of Seawall."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@contextmanager
def python(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process of its own, which does not outlive the block."""
    command = [sys.executable, "-c", script, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def driver_error(store: StateStore) -> Exception:
    """Give the error with which a driver says that its database fails."""
    error: Exception = store._engine.dialect.loaded_dbapi.OperationalError("disk I/O error")
    return error
