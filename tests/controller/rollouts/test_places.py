"""Where the files of a rollout lie, on real files."""

import pytest

from control.repository.refusals import SourceChanged
from tests.e2e.rollouts.versions import drop


def test_a_staged_version_has_its_models_other_files_beside_it(places):
    """What it was dropped with is what it is tried with, whatever becomes of the repository."""
    staged = places.stage("twice", 2)
    (places.source / "twice" / "config.pbtxt").write_text("broken")
    assert (places.staged_version("twice", 2) / "model.py").is_file()
    assert "versions: [2]" in places.staged_config("twice", 2)
    assert staged.digest


def test_a_version_is_moved_into_what_is_served_once(places):
    """Again is no harm; what is loaded at a start does not change by it."""
    digest = places.stage("twice", 2).digest
    places.put_in("twice", 2, digest)
    places.put_in("twice", 2, digest)
    assert places.served.models() == {"twice": (1, 2)}
    assert places.served.live_versions("twice") == (1,)
    assert not places.staged_version("twice", 2).exists()


def test_a_version_without_a_copy_is_copied_anew(places):
    """Another host staged it; the content must be the same."""
    digest = places.stage("twice", 2).digest
    places.forget("twice", 2)
    places.put_in("twice", 2, digest)
    assert places.served.version_digest("twice", 2) == digest


def test_another_content_is_not_put_in_the_place_of_what_was_tried(places):
    """It says so, and nothing of it stays."""
    digest = places.stage("twice", 2).digest
    places.forget("twice", 2)
    drop(places.source, 2, "nan")
    with pytest.raises(SourceChanged, match="other files here"):
        places.put_in("twice", 2, digest)
    assert places.served.models() == {"twice": (1,)}


def test_a_version_apart_has_a_repository_of_its_own(places):
    """It holds that version alone, with a config that names it."""
    places.stage("twice", 2)
    folder = places.repository_apart("x")
    places.build_apart("twice", 2, folder)
    places.build_apart("twice", 2, folder)
    assert sorted(one.name for one in (folder / "twice").iterdir()) == ["2", "config.pbtxt"]
    assert "versions: [2]" in (folder / "twice" / "config.pbtxt").read_text()
    assert places.staged_version("twice", 2).is_dir()


def test_another_attempt_takes_the_place_of_what_an_earlier_one_has_left(places):
    """A version that was dropped anew is served as it is now, however quick its author was."""
    places.put_in("twice", 2, places.stage("twice", 2).digest)
    drop(places.source, 2, "slow")
    digest = places.stage("twice", 2).digest
    places.put_in("twice", 2, digest)
    assert places.served.version_digest("twice", 2) == digest


def test_what_an_attempt_had_for_itself_goes_with_it(places):
    """No rollout leaves a copy behind; those that are under way keep theirs."""
    places.forget_apart({"a"})
    places.stage("twice", 2)
    for name in ("a", "b"):
        places.build_apart("twice", 2, places.repository_apart(name))
    places.forget_apart({"a"})
    kept = [one.name for one in places.repository_apart("a").parent.iterdir()]
    assert kept == ["a"]
