"""The repository that tritonserver serves, and every change of it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from control.repository.pinned_config import config_digest
from control.repository.refusals import SourceRefused
from control.repository.served import ServedRepository
from control.repository.staging import stage
from tests.repository.crash_points import dies_at_each_point, names_in
from tests.repository.source_models import (
    PLAIN_CONFIG,
    PLAIN_VERSION,
    content_of,
    write_files,
    write_plain_model,
)


class Desk:
    """A source, and what is served of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.source = directory / "source"
        self.staged = directory / "var" / "staged"
        self.served = ServedRepository(directory / "var" / "served", self.staged)

    def begin_anew(self) -> None:
        """One model with one live version, and the second one staged."""
        shutil.rmtree(self.directory, ignore_errors=True)
        write_plain_model(self.source, "m", 1, 2)
        write_files(self.source / "m", {"warmup/zeros": "0"})
        self.served.folder.mkdir(parents=True)
        self.served.add_model("m", self.source / "m", [1])
        for version in (1, 2):
            stage(self.source / "m" / str(version), self.place_of(version))
        self.served.put("m", 1, self.place_of(1))

    def place_of(self, version: int) -> Path:
        """Where a version is staged."""
        return self.staged / "m" / str(version)

    def state(self) -> tuple[object, ...]:
        """Everything that tritonserver would see."""
        content = content_of(self.served.folder)
        return self.served.models(), self.served.live_versions("m"), content


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk that has begun."""
    desk = Desk(tmp_path / "desk")
    desk.begin_anew()
    return desk


def test_a_version_is_served_once_its_config_says_so(desk: Desk) -> None:
    """It is moved in first; a start of tritonserver loads it after the config is written."""
    desk.served.put("m", 2, desk.place_of(2))
    assert desk.served.models() == {"m": (1, 2)}
    assert desk.served.live_versions("m") == (1,)
    desk.served.write_config("m", [2])
    assert desk.served.live_versions("m") == (2,)
    desk.served.remove_version("m", 1)
    assert desk.served.models() == {"m": (2,)}
    assert content_of(desk.served.folder / "m" / "2") == {
        name: text.encode() for name, text in PLAIN_VERSION.items()
    }
    assert desk.served.inspect().loadable == ["m"]


def test_a_digest_is_that_of_the_source(desk: Desk) -> None:
    """Of a version and of a config alike."""
    assert desk.served.config_digest("m") == config_digest(PLAIN_CONFIG, "m")
    staged = stage(desk.source / "m" / "1", desk.place_of(1))
    assert desk.served.version_digest("m", 1) == staged.digest


def test_a_model_without_versions_to_load_is_not_loaded(desk: Desk) -> None:
    """It waits in the repository for its first one."""
    write_plain_model(desk.source, "fresh", 1)
    desk.served.add_model("fresh", desk.source / "fresh")
    assert desk.served.models() == {"fresh": (), "m": (1,)}
    assert desk.served.inspect().loadable == ["m"]
    assert desk.served.live_versions("unknown") == ()
    stage(desk.source / "fresh" / "1", desk.staged / "fresh" / "1")
    desk.served.put("fresh", 1, desk.staged / "fresh" / "1")
    desk.served.write_config("fresh", [1])
    assert desk.served.inspect().loadable == ["fresh", "m"]


def test_every_change_may_be_made_twice(desk: Desk) -> None:
    """Whoever does not know whether it was made makes it again."""
    for _ in range(2):
        desk.served.put("m", 2, desk.place_of(2))
        desk.served.write_config("m", [1, 2])
        desk.served.add_model("m", desk.source / "m")
    assert desk.served.live_versions("m") == (1, 2)
    for _ in range(2):
        desk.served.write_config("m", [2])
        desk.served.remove_version("m", 1)
        desk.served.remove_version("gone", 1)
    assert desk.state()[:2] == ({"m": (2,)}, (2,))
    assert names_in(desk.staged) == {"m"}
    with pytest.raises(FileNotFoundError):
        desk.served.put("m", 3, desk.place_of(3))


def test_a_new_config_of_the_source_is_taken_over_on_request(desk: Desk) -> None:
    """With the versions that are to be loaded; what is no config changes nothing."""
    desk.served.write_config("m", [1], PLAIN_CONFIG + "dynamic_batching { }")
    assert "dynamic_batching" in (desk.served.folder / "m" / "config.pbtxt").read_text()
    assert desk.served.live_versions("m") == (1,)
    before = desk.state()
    with pytest.raises(SourceRefused):
        desk.served.write_config("m", [1], "nonsense")
    with pytest.raises(FileNotFoundError):
        desk.served.write_config("unknown", [1])
    assert desk.state() == before


def test_model_files_follow_the_source_on_request(desk: Desk) -> None:
    """New ones come, changed ones are replaced, others go; config and versions stay."""
    model, source = desk.served.folder / "m", desk.source / "m"
    assert not desk.served.sync_model_files("m", source)
    write_files(source, {"warmup/zeros": "1", "labels/a/b.txt": "x", "contract.yaml": "c"})
    (source / "1" / "model.onnx").write_text("edited")
    assert desk.served.sync_model_files("m", source)
    assert (model / "warmup" / "zeros").read_text() == "1"
    assert (model / "labels" / "a" / "b.txt").read_text() == "x"
    assert (model / "1" / "model.onnx").read_text() == PLAIN_VERSION["model.onnx"]
    assert not (model / "contract.yaml").exists()
    shutil.rmtree(source / "labels")
    shutil.rmtree(source / "warmup")
    write_files(source, {"labels": "a file now"})
    assert desk.served.sync_model_files("m", source)
    assert (model / "labels").read_text() == "a file now"
    assert not (model / "warmup").exists()
    assert not desk.served.sync_model_files("m", source)
    assert desk.served.live_versions("m") == (1,)


CHANGES: dict[str, Callable[[Desk], object]] = {
    "put": lambda desk: desk.served.put("m", 2, desk.place_of(2)),
    "put over": lambda desk: desk.served.put("m", 1, desk.place_of(2)),
    "write_config": lambda desk: desk.served.write_config("m", [1, 2]),
    "remove_version": lambda desk: desk.served.remove_version("m", 1),
    "add_model": lambda desk: desk.served.add_model("n", desk.source / "m", [1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_death_leaves_what_was_or_what_will_be(tmp_path: Path, change: str) -> None:
    """Whoever dies at any point of a change leaves no half of it, and it can be made after that."""
    desk = Desk(tmp_path / "desk")
    desk.begin_anew()
    before = desk.state()
    CHANGES[change](desk)
    after = desk.state()
    for _ in dies_at_each_point(lambda: CHANGES[change](desk), desk.begin_anew):
        now = desk.state()
        if change != "put over":  # the version that is replaced is not loaded: it may be away
            assert now in (before, after)
        CHANGES[change](desk)
        assert desk.state() == after
    desk.served.tidy()
    assert not any(name.startswith(".") for name in names_in(desk.staged))
