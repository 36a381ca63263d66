"""A config.pbtxt that was changed while Seawall was down."""

import pytest

from control.repository.config_changes import ConfigChange, take_up_configs
from control.repository.seeding import seed
from control.repository.served import ServedRepository
from tests.e2e.rollouts.versions import make_repository


@pytest.fixture
def source(tmp_path):
    """A repository with the model ``twice``."""
    folder = tmp_path / "models"
    folder.mkdir()
    return make_repository(folder)


@pytest.fixture
def served(tmp_path, source):
    """What is served of it."""
    made = ServedRepository(tmp_path / "served", tmp_path / "staged")
    seed(made, source)
    return made


def change(source, before: str, after: str) -> None:
    """Edit the config."""
    file = source / "twice" / "config.pbtxt"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


def test_an_unchanged_config_is_left_alone(served, source):
    """Another version_policy is no change: rollouts say what is served."""
    change(source, "versions: [ 1 ]", "versions: [ 1, 2 ]")
    assert list(take_up_configs(served, source)) == []
    assert served.live_versions("twice") == (1,)


def test_a_change_that_callers_cannot_tell_holds_from_the_start_on(served, source):
    """With the files that it may name; the versions stay as they are."""
    change(source, "count: 1", "count: 2")
    (source / "twice" / "labels.txt").write_text("one\n")
    assert list(take_up_configs(served, source)) == [ConfigChange("twice")]
    assert "count: 2" in (served.folder / "twice" / "config.pbtxt").read_text()
    assert (served.folder / "twice" / "labels.txt").is_file()
    assert served.live_versions("twice") == (1,)
    assert list(take_up_configs(served, source)) == []


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        ("TYPE_FP32 dims: [ 3 ] } ]\noutput", "TYPE_INT64 dims: [ 3 ] } ]\noutput", "INPUT0"),
        ("max_batch_size: 16", "max_batch_size: sixteen", "config.pbtxt"),
    ],
)
def test_a_change_that_would_cost_callers_something_is_refused(served, source, before, after, part):
    """What was served goes on being served, and the reason is told."""
    change(source, before, after)
    (found,) = take_up_configs(served, source)
    assert part in found.refusal
    assert "max_batch_size: 16" in (served.folder / "twice" / "config.pbtxt").read_text()


def test_a_model_that_is_gone_from_the_source_is_left_alone(served, source):
    """It is served from the copy."""
    (source / "twice" / "config.pbtxt").unlink()
    assert list(take_up_configs(served, source)) == []
