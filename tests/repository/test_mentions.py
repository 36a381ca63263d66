"""Which models name which, whatever lies in their folders."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from control.repository import mentions
from control.repository.mentions import is_named_by_others, named_models
from control.repository.refusals import SourceRefused
from tests.repository.source_models import write_files, write_model


@pytest.fixture
def caller(tmp_path: Path) -> Path:
    """A model beside ``m``."""
    write_model(tmp_path, "m", 1)
    return write_model(tmp_path, "caller", 1)


@pytest.mark.parametrize("file", ["config.pbtxt", "1/model.py", "1/parts/more.py", "helper.py"])
def test_a_name_in_quotes_counts(caller: Path, file: str) -> None:
    """Wherever code may be."""
    assert not is_named_by_others(caller.parent, "m")
    write_files(caller, {file: "model_name='m'"})
    assert is_named_by_others(caller.parent, "m")
    assert named_models(caller, {"m", "other"}) == {"m"}


def test_neither_itself_nor_what_is_no_code_counts(caller: Path) -> None:
    """Weights hold anything; a file of the repository is no model."""
    names = {"m/1/model.py": "'m'", "caller/1/weights.bin": "'m'", "notes.py": "'m'"}
    write_files(caller.parent, names)
    assert not is_named_by_others(caller.parent, "m")


@pytest.mark.parametrize(
    "put",
    [
        lambda place: place.symlink_to("/proc/self/mem"),
        lambda place: place.symlink_to("nothing"),
        os.mkfifo,
    ],
    ids=["link to outside", "link to nothing", "FIFO"],
)
def test_what_cannot_be_read_may_name_any(caller: Path, put: Callable[[Path], None]) -> None:
    """The safe answer, at once; and it ends nobody who asks."""
    put(caller / "1" / "helper.py")
    assert is_named_by_others(caller.parent, "m")
    assert named_models(caller, {"m", "other"}) == {"m", "other"}


def test_what_may_not_be_read_may_name_any(caller: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read all: so it is not a mode that is set here."""

    def refuse(_file: object) -> None:
        raise SourceRefused("helper.py cannot be read: Permission denied")

    monkeypatch.setattr(mentions, "open_regular", refuse)
    assert is_named_by_others(caller.parent, "m")
