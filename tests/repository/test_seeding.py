"""What is served at the first start."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from control.repository.pinned_config import pinned_versions
from control.repository.seeding import LeftOut, SeedingStopped, seed
from control.repository.served import ServedRepository
from control.triton.repository import Refused
from tests.repository.crash_points import dies_at_each_point, names_in
from tests.repository.source_models import (
    CONFIG,
    VERSION,
    content_of,
    write_files,
    write_model,
    write_plain_model,
)

ALL = "version_policy { all { } }"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty source."""
    return tmp_path / "source"


@pytest.fixture
def served(tmp_path: Path) -> ServedRepository:
    """What has not been seeded yet."""
    return ServedRepository(tmp_path / "var" / "served", tmp_path / "var" / "staged")


def test_each_model_gets_the_versions_that_its_config_asks_for(
    source: Path, served: ServedRepository
) -> None:
    """As Triton would have loaded them from the source."""
    write_model(source, "newest", 1, 2, 10)
    write_model(source, "every", 1, 2, config=CONFIG + ALL)
    write_model(source, "some", 1, 2, config=CONFIG + "version_policy { specific { versions: 1 } }")
    assert not served.exists()
    seeded = seed(served, source)
    assert served.exists()
    wanted = {"every": (1, 2), "newest": (10,), "some": (1,)}
    assert seeded.versions == served.models() == wanted
    assert {model: served.live_versions(model) for model in wanted} == wanted
    assert served.inspect().loadable == sorted(wanted)
    assert (seeded.refused, seeded.left_out) == ([], [])
    one = sum(map(len, VERSION.values()))
    assert (seeded.files, seeded.bytes) == (4 * len(VERSION), 4 * one)


def test_what_is_served_is_nobody_elses_to_read(source: Path, served: ServedRepository) -> None:
    """The originals may be their author's only."""
    write_model(source, "m", 1)
    seed(served, source)
    assert stat.S_IMODE(served.folder.stat().st_mode) == 0o700


def test_a_served_model_holds_what_serving_needs(source: Path, served: ServedRepository) -> None:
    """Config, model files and versions; not the contract, hidden files or bytecode of others."""
    model = write_model(source, "m", 1)
    extra = ("warmup/zeros", "contract.yaml", "golden.json", ".git/x", "1/contract.yaml", "1/.x")
    write_files(model, {**dict.fromkeys(extra, "x"), "__pycache__/a.pyc": "x", "1 (copy)/a": "x"})
    seed(served, source)
    wanted = {f"1/{name}": text.encode() for name, text in VERSION.items()}
    got = content_of(served.folder / "m")
    assert pinned_versions(got.pop("config.pbtxt").decode()) == (1,)
    assert got == {**wanted, "warmup/zeros": b"x"}
    assert (served.folder / "m" / "1" / "__pycache__").is_dir(), "compiled beforehand"


def test_what_cannot_be_served_is_named_and_keeps_nothing_else_out(
    source: Path, served: ServedRepository
) -> None:
    """Neither a model that would hang Triton, nor a config that is none, nor a FIFO."""
    write_model(source, "good", 1)
    write_files(source / "half" / "1", {"weights": "x"})
    write_files(source / "half", {"config.pbtxt": CONFIG})
    write_model(source, "wrong", 1, config='backend: "python" nonsense')
    write_model(source, "none", 1, config=CONFIG + "version_policy { specific { versions: 5 } }")
    os.mkfifo(write_model(source, "odd", 1, 2, config=CONFIG + ALL) / "2" / "pipe")
    (write_model(source, "leaky", 1) / "labels").symlink_to("/etc/passwd")
    (write_model(source, "weak", 1) / "1" / "w").symlink_to("/etc/passwd")
    seeded = seed(served, source)
    assert seeded.versions == served.models() == {"good": (1,), "odd": (1,)}
    assert seeded.left_out == [
        LeftOut("odd", 2, "pipe is a FIFO, no regular file"),
        LeftOut("weak", 1, "w is a link to outside of the model's folder"),
    ]
    reasons = {one.model: one.reason for one in seeded.refused}
    assert reasons.pop("wrong").startswith("config.pbtxt:1: is not a model config")
    assert reasons == {
        "half": "version 1 has no model.py",
        "none": "its version_policy chooses no version that is there",
        "leaky": "labels is a link to outside of the model's folder",
        "weak": "none of its versions can be served",
    }
    assert Refused("half", "version 1 has no model.py") in seeded.refused


def test_later_edits_of_the_source_do_not_reach_what_is_served(
    source: Path, served: ServedRepository
) -> None:
    """Not even where the copy shares a frozen file with it."""
    version = write_model(source, "m", 1) / "1"
    (version / "weights" / "first.bin").chmod(0o444)
    seed(served, source)
    before = content_of(served.folder)
    write_files(version, {"model.py": "edited"})
    (version / "weights" / "first.bin").unlink()
    write_files(version, {"weights/first.bin": "edited"})
    write_files(source / "m", {"config.pbtxt": "edited"})
    assert content_of(served.folder) == before
    shutil.rmtree(source)
    assert content_of(served.folder) == before


def test_seeding_that_is_stopped_leaves_nothing(source: Path, served: ServedRepository) -> None:
    """Whoever ends Seawall while it copies does not wait for the rest."""
    write_model(source, "m", 1)
    with pytest.raises(SeedingStopped):
        seed(served, source, lambda: True)
    assert not served.exists()
    assert names_in(served.folder.parent) == {"staged"}


def test_a_death_while_seeding_leaves_all_or_nothing(tmp_path: Path) -> None:
    """At whatever point; the next start begins anew, and finds nothing in its way."""
    source = tmp_path / "source"
    write_plain_model(source, "a", 1, 2, policy=ALL)
    write_plain_model(source, "b", 1)
    var = tmp_path / "var"
    served = ServedRepository(var / "served", var / "staged")

    def begin_anew() -> None:
        shutil.rmtree(var, ignore_errors=True)

    for _ in dies_at_each_point(lambda: seed(served, source), begin_anew):
        if not served.exists():
            seed(served, source)
        assert served.models() == {"a": (1, 2), "b": (1,)}
        served.tidy()
        assert names_in(var / "staged") == set()
