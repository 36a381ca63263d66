"""A config.pbtxt that was changed while Seawall was down, or by a version that was rejected."""

import pytest

from control.repository.config_changes import Unserved, unserved_configs
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


def test_another_version_policy_is_no_change(served, source):
    """Rollouts say what is served."""
    change(source, "versions: [ 1 ]", "versions: [ 1, 2 ]")
    assert list(unserved_configs(served, source)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("count: 1", "count: 2"),
        ('backend: "python"', 'backend: "none_such"'),
        ("max_batch_size: 16", "max_batch_size: sixteen"),
    ],
)
def test_what_no_version_has_brought_is_told(served, source, before, after):
    """Whether it is good, nobody knows: it has not been tried with the live version."""
    change(source, before, after)
    assert [one.model for one in unserved_configs(served, source)] == ["twice"]


def test_a_model_that_is_gone_from_the_source_is_left_alone(served, source):
    """It is served from the copy."""
    (source / "twice" / "config.pbtxt").unlink()
    assert list(unserved_configs(served, source)) == []


def test_a_config_that_cannot_be_looked_at_is_told(served, source):
    """Its author may have closed the folder: that is nothing to end a start with."""
    config = source / "twice" / "config.pbtxt"
    config.unlink()
    config.symlink_to("x" * 300)  # looking at it fails for root, too
    reason = "it cannot be looked at: File name too long"
    assert list(unserved_configs(served, source)) == [Unserved("twice", reason)]
