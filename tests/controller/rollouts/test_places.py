"""Where the files of a rollout lie, on real files."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from control.repository.content import content_digest
from control.repository.refusals import SourceChanged
from control.runtime import RuntimePaths
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


def test_a_copy_of_another_attempt_is_not_taken_for_this_one(places):
    """This host has tried version 2 before; another one has staged what it is now."""
    stale = places.stage("twice", 2).digest
    drop(places.source, 2, "slow")
    other_host = replace(places, paths=RuntimePaths(places.paths.state.parent / "other"))
    digest = other_host.stage("twice", 2).digest
    places.put_in("twice", 2, digest)
    assert places.served.version_digest("twice", 2) == digest != stale
    drop(places.source, 2, "good")
    assert other_host.stage("twice", 2).digest == stale
    places.put_in("twice", 2, stale)
    assert places.served.version_digest("twice", 2) == stale


def test_what_a_live_version_has_written_beside_itself_keeps_nobody_from_serving_it(places):
    """Nor does it matter what has become of its folder in the source."""
    digest = places.served.version_digest("twice", 1)
    (places.served_version("twice", 1) / "cache.bin").write_text("of its own")
    shutil.rmtree(places.source / "twice" / "1")
    places.put_in("twice", 1, digest)
    assert (places.served_version("twice", 1) / "cache.bin").is_file()


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
    digest = places.stage("twice", 2).digest
    folder = places.repository_apart("x")
    places.build_apart("twice", 2, digest, folder)
    places.build_apart("twice", 2, digest, folder)
    assert sorted(one.name for one in (folder / "twice").iterdir()) == ["2", "config.pbtxt"]
    assert "versions: [2]" in (folder / "twice" / "config.pbtxt").read_text()
    assert places.staged_version("twice", 2).is_dir()
    (folder / "twice" / "2" / "model.py").write_text("changed while it was tried")
    assert content_digest(places.staged_version("twice", 2)) == digest


def test_a_version_apart_is_built_from_whatever_copy_there_is(places):
    """None, where another host staged it; the one that is served, where it has been moved."""
    digest = places.stage("twice", 2).digest
    places.forget("twice", 2)
    folder = places.repository_apart("x")
    places.build_apart("twice", 2, digest, folder)
    assert (folder / "twice" / "2" / "model.py").is_file()
    places.put_in("twice", 2, digest)
    places.build_apart("twice", 2, digest, folder)
    assert (folder / "twice" / "2" / "model.py").is_file()
    assert not places.staged_version("twice", 2).exists()


def test_two_that_need_the_same_copy_make_it_once(places):
    """What is served and what is tried apart, on a host that has none of its files."""
    digest = places.stage("twice", 2).digest
    places.forget("twice", 2)
    with ThreadPoolExecutor(4) as pool:
        made = [
            pool.submit(places.build_apart, "twice", 2, digest, places.repository_apart(str(one)))
            for one in range(3)
        ]
        made.append(pool.submit(places.put_in, "twice", 2, digest))
    assert [one.exception() for one in made] == [None] * 4
    assert places.served.version_digest("twice", 2) == digest


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
    digest = places.stage("twice", 2).digest
    for name in ("a", "b"):
        places.build_apart("twice", 2, digest, places.repository_apart(name))
    places.forget_apart({"a"})
    kept = [one.name for one in places.repository_apart("a").parent.iterdir()]
    assert kept == ["a"]


def test_all_copies_of_a_version_go_together(places):
    """Staged, served, or half made by somebody who was killed; those of others stay."""
    places.put_in("twice", 2, places.stage("twice", 2).digest)
    places.stage("twice", 2)
    places.stage("twice", 1)
    (places.paths.staged / "twice" / ".3.draft").mkdir()
    (places.paths.staged / "twice" / "notes.txt").write_text("nobody's")
    assert places.copied("twice") == {1, 2, 3}
    for version in (2, 3, 4):
        places.forget("twice", version)
    assert places.copied("twice") == {1}
    assert places.served.models() == {"twice": (1,)}
    left = sorted(one.name for one in places.paths.staged.rglob("*") if one.parent.name == "twice")
    assert left == ["1", "1.model", "notes.txt"]
    assert [one.name for one in places.paths.staged.iterdir()] == ["twice"]
    assert places.copied("unknown") == set()
