"""What a host serves at its first start where records say what is live already."""

import shutil
from pathlib import Path

import pytest

from control.repository.content import content_digest
from control.repository.model_files import model_digest
from control.repository.seeding import LeftOut, Live, seed
from control.repository.served import ServedRepository
from tests.repository.source_models import write_files, write_plain_model


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source with version 1 and 2 of a model; its config asks for the second."""
    return write_plain_model(tmp_path / "source", "m", 1, 2).parent


@pytest.fixture
def served(tmp_path: Path) -> ServedRepository:
    """What has not been seeded yet."""
    return ServedRepository(tmp_path / "var" / "served", tmp_path / "var" / "staged")


def live(source: Path, version: int = 1) -> Live:
    """What a record says of a version as it lies there."""
    model = source / "m"
    return Live(content_digest(model / str(version)), frozenset({model_digest(model, "m")}))


def test_what_is_live_is_served_and_nothing_else(source: Path, served: ServedRepository) -> None:
    """The newest version was rejected, perhaps; a new model has to prove itself."""
    write_plain_model(source, "new", 1)
    known = {"m": {1: live(source)}}
    seeded = seed(served, source, known=known)
    assert seeded.versions == served.models() == {"m": (1,)}
    assert served.live_versions("m") == (1,)
    assert (seeded.refused, seeded.left_out) == ([], [])


def test_a_version_that_was_edited_since_is_left_out(
    source: Path, served: ServedRepository
) -> None:
    """Its model is served without it; what is wrong is said."""
    known = {"m": {1: live(source), 2: live(source, 2)}}
    write_files(source / "m" / "1", {"model.onnx": "EDITED"})
    seeded = seed(served, source, known=known)
    assert served.models() == {"m": (2,)}
    assert [(one.model, one.version) for one in seeded.left_out] == [("m", 1)]
    assert "changed since it went live" in seeded.left_out[0].reason
    assert isinstance(seeded.left_out[0], LeftOut)


def test_a_model_whose_config_was_edited_since_is_not_served(
    source: Path, served: ServedRepository
) -> None:
    """Nobody has verified what it says; which versions it asks for does not count."""
    known = {"m": {1: live(source)}}
    config = source / "m" / "config.pbtxt"
    before = config.read_text()
    config.write_text(before + "instance_group [ { count: 400 } ]")
    seeded = seed(served, source, known=known)
    assert served.models() == {}
    assert [one.model for one in seeded.refused] == ["m"]
    assert "config.pbtxt" in seeded.refused[0].reason
    shutil.rmtree(served.folder)
    config.write_text(before + "version_policy { all { } }")
    assert seed(served, source, known=known).versions == {"m": (1,)}


def test_what_is_not_there_is_named(source: Path, served: ServedRepository) -> None:
    """A live version's folder, or all of a model: others serve their own copies on."""
    known = {"m": {1: live(source)}, "gone": {1: live(source)}}
    shutil.rmtree(source / "m" / "1")
    seeded = seed(served, source, known=known)
    assert served.models() == {}
    assert {one.model: one.reason for one in seeded.refused} == {
        "gone": "it is live, but has no folder in the repository",
        "m": "none of its versions can be served",
    }
    assert [(one.model, one.version) for one in seeded.left_out] == [("m", 1)]
