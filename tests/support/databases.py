"""Databases in tests, of whichever kind, and processes that use them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, select, update

from control.state.clock import DatabaseNow
from control.state.leases import Lease
from control.state.schema import LEASES
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


def held_lease(store: StateStore, name: str) -> Lease | None:
    """Look, without asking for it, at who holds a lease now; None where nobody does."""
    query = select(LEASES).where(LEASES.c.name == name, LEASES.c.expires_s > DatabaseNow())
    with store._engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Lease(*row)


def end_lease(store: StateStore, name: str) -> None:
    """Let the time of a lease pass at once."""
    with store._engine.begin() as connection:
        connection.execute(update(LEASES).where(LEASES.c.name == name).values(expires_s=1.0))


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
