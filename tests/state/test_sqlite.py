"""What is SQLite's alone: its files."""

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from control.core.access import NO_QUOTA, Quota
from control.errors import StateUnavailable
from control.state.audit import Act
from control.state.store import StateStore

ACT = Act("token:1", "ops", 1.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "seawall.db"


@pytest.fixture
def store(file: Path) -> Iterator[StateStore]:
    """An empty store where no URL names one."""
    made = StateStore.open("", file)
    yield made
    made.close()


def test_the_files_are_their_owners_alone(store: StateStore, file: Path) -> None:
    """Nobody else may read hashes and quotas, in the database and the files beside it."""
    store.quotas.save("t", NO_QUOTA, ACT)
    files = list(file.parent.iterdir())
    assert {one.name for one in files} == {"seawall.db", "seawall.db-wal", "seawall.db-shm"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_a_database_that_others_could_read_is_closed_to_them(file: Path) -> None:
    """A file that was left too open is made private at the next start."""
    StateStore.open("", file).close()
    file.chmod(0o644)
    StateStore.open("", file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


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


def test_a_url_names_another_file(tmp_path: Path, file: Path) -> None:
    """With a URL the default is not used."""
    other = tmp_path / "other.db"
    StateStore.open(f"sqlite:///{other}", file).close()
    assert not file.exists()
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


def test_who_reads_waits_for_no_writer(store: StateStore, file: Path) -> None:
    """It sees what was there before; only writers take turns."""
    store.quotas.save("t", Quota(concurrent=1), ACT)
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE tenant_quotas SET concurrent = 2")
    with ThreadPoolExecutor(1) as threads:
        read = threads.submit(store.quotas.load, "t")
        assert read.result(4) == Quota(concurrent=1)
    writer.execute("COMMIT")
    writer.close()
    assert store.quotas.load("t") == Quota(concurrent=2)
