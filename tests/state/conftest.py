from collections.abc import Iterator
from pathlib import Path

import pytest

from control.state.store import StateStore


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "seawall.db"


@pytest.fixture
def store(database: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = StateStore.open("", database)
    yield made
    made.close()
