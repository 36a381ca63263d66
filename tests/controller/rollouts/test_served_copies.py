"""Copies of versions lie on disk for as long as somebody needs them."""

from control.controller.rollouts import places as places_module
from control.core.rollout import end
from tests.support.polls import eventually


async def test_a_version_that_is_dropped_again_and_again_leaves_no_copy(scene):
    """Whatever became of it each time: rejected before it was loaded, say."""
    for number in range(3):
        scene.begin(f"attempt {number}")
        assert "2" in scene.copies()
        scene.change(end(scene.record, "it answers NaN", 2.0).record)
        await scene.settled()
        assert scene.copies() == {"served 1", "1.model"}
        scene.forget(2)
    assert scene.triton.loads == []


async def test_the_copy_of_a_version_under_way_is_kept(scene):
    """Until it is moved to what is served, and for as long as it is loaded."""
    await scene.settled()
    scene.begin()
    scene.triton.versions = {1: "READY", 2: "LOADING"}
    await scene.settled()
    assert {"2", "2.model"} <= scene.copies()
    scene.change(end(scene.record, "it takes too long", 2.0).record)
    await scene.settled()
    assert "2" in scene.copies(), "tritonserver is still reading it"
    scene.triton.versions = {1: "READY", 2: "UNAVAILABLE"}
    await scene.settled()
    assert scene.copies() == {"served 1", "1.model"}


async def test_what_a_killed_controller_has_left_is_removed(scene):
    """Copies that are not done, and those of versions that were forgotten meanwhile."""
    staged = scene.places.paths.staged / "twice"
    for name in ("7", "7.model", ".8.draft"):
        (staged / name).mkdir()
    await scene.settled()
    assert scene.copies() == {"served 1", "1.model"}


async def test_a_version_that_begins_anew_meanwhile_keeps_its_copy(scene, monkeypatch):
    """An order comes between the look at the copies and their removal."""
    await scene.settled()
    scene.begin()
    scene.change(end(scene.record, "it failed", 2.0).record)
    copied = places_module.Places.copied

    def look(places, model):
        found = copied(places, model)
        scene.begin("another attempt")
        return found

    monkeypatch.setattr(places_module.Places, "copied", look)
    scene.serving.tick()
    await eventually(lambda: not scene.serving._busy, "it is not busy")
    assert scene.record.rollout.rollout == "another attempt"
    assert {"2", "2.model"} <= scene.copies()
