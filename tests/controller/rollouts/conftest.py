from collections.abc import Iterator
from pathlib import Path

import pytest

from control.controller.rollouts.places import Places
from control.repository.served import ServedRepository
from control.runtime import RuntimePaths
from control.state.store import StateStore
from tests.controller.rollouts.serving_scene import Scene
from tests.e2e.rollouts.versions import drop, make_repository
from tests.support.databases import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    """An empty store."""
    made = open_store(f"sqlite:///{tmp_path / 'seawall.db'}")
    yield made
    made.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A repository with the model ``twice``: version 1 is served, version 2 was dropped."""
    source = tmp_path / "models"
    source.mkdir()
    make_repository(source)
    paths = RuntimePaths(tmp_path / "var")
    served = ServedRepository(paths.served, paths.staged)
    paths.staged.mkdir(parents=True)
    served.folder.mkdir()
    found = Places(source, paths, served)
    first = found.stage("twice", 1)
    found.put_in("twice", 1, first.digest)
    served.write_config("twice", [1])
    drop(source, 2, "good")
    return found


@pytest.fixture
async def scene(store: StateStore, places: Places) -> Scene:
    """Serving, with all around it."""
    return Scene(store, places)
