import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack

_MODELS = Path(__file__).with_name("models")


class Moods:
    """The mood of the model ``moody``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("ok")

    def set(self, mood: str) -> None:
        """Let the model fail, hang, die, or be well: ok. It never reads half of a word."""
        fresh = self._file.with_name(f"mood.{threading.get_ident()}")
        fresh.write_text(mood)
        fresh.rename(self._file)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models, in a folder that they can write to."""
    folder = tmp_path_factory.mktemp("overload") / "models"
    shutil.copytree(_MODELS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "moody" / "mood").write_text("ok")
    return folder


@pytest.fixture(scope="module")
def stack(repository: Path) -> Iterator[Stack]:
    """Seawall in front of them."""
    with Stack(repository) as stack:
        yield stack


@pytest.fixture
def moods(repository: Path) -> Iterator[Moods]:
    """The model ``moody``, well again at the end."""
    moods = Moods(repository / "moody" / "mood")
    yield moods
    moods.set("ok")
