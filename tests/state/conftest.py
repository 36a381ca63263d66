from collections.abc import Iterator
from pathlib import Path

import pytest

from control.state.store import StateStore
from tests.support.databases import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is, of each kind: what holds for one holds for the other."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'seawall.db'}"


@pytest.fixture
def store(database_url: str) -> Iterator[StateStore]:
    """An empty store."""
    made = open_store(database_url)
    yield made
    made.close()
