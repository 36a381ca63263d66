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
    """The models, with a file beside them that ``moody`` reads, and one that ``slow`` writes."""
    folder = tmp_path_factory.mktemp("overload") / "models"
    shutil.copytree(_MODELS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    mood_of(folder).write_text("ok")
    _add_parameter(folder / "moody", "mood_file", mood_of(folder))
    _add_parameter(folder / "slow", "count_file", count_of(folder))
    return folder


def mood_of(repository: Path) -> Path:
    """The file that ``moody`` reads: served is a copy of its folder, so it lies elsewhere."""
    return repository.with_name("mood")


def count_of(repository: Path) -> Path:
    """The file that ``slow`` writes to."""
    return repository.with_name("count")


def _add_parameter(model: Path, key: str, file: Path) -> None:
    with (model / "config.pbtxt").open("a") as config:
        config.write(f'\nparameters {{ key: "{key}" value {{ string_value: "{file}" }} }}\n')


@pytest.fixture(scope="module")
def stack(repository: Path) -> Iterator[Stack]:
    """Seawall in front of them."""
    with Stack(repository) as stack:
        yield stack


@pytest.fixture
def moods(repository: Path) -> Iterator[Moods]:
    """The model ``moody``, well again at the end."""
    moods = Moods(mood_of(repository))
    yield moods
    moods.set("ok")
