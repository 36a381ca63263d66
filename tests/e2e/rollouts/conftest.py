from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.rollouts.versions import make_repository
from tests.support.stack import Stack


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the model ``twice``, version 1."""
    folder = tmp_path / "models"
    folder.mkdir()
    return make_repository(folder)


@pytest.fixture
def stack(repository: Path) -> Iterator[Stack]:
    """Seawall in front of it."""
    with Stack(repository) as stack:
        yield stack
