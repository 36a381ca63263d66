"""What is served follows the records: compared and mended until it does."""

from dataclasses import replace

import pytest

from control.controller.rollouts import places as places_module
from control.controller.rollouts import serving
from control.core.rollout import end
from control.core.rollout_phases import Phase
from control.repository.refusals import StagingFailed
from control.triton.management import LoadFailed, TritonAway
from tests.support.polls import eventually


async def test_what_is_served_already_is_left_alone(scene):
    """Nothing is loaded that is loaded."""
    await scene.settled()
    assert scene.triton.loads == []
    assert scene.places.served.live_versions("twice") == (1,)


async def test_a_version_under_way_is_loaded_beside_the_live_one(scene):
    """A restarted tritonserver would come up without it: it has not proved itself."""
    scene.begin()
    await scene.settled()
    assert scene.triton.loads == [frozenset({1, 2})]
    assert scene.places.served.models() == {"twice": (1, 2)}
    assert scene.places.served.live_versions("twice") == (1,)


async def test_a_load_that_fails_is_told_with_its_reason(scene):
    """The rollout ends by it; it is not tried again and again."""
    scene.begin()
    scene.triton.fault = LoadFailed("RuntimeError: no weights")
    scene.serving.tick()
    await eventually(lambda: scene.works.stopped("attempt"), "it is told")
    assert scene.works.stopped("attempt") == "it does not load: RuntimeError: no weights"
    await scene.settled()
    assert len(scene.triton.loads) == 1


async def test_while_tritonserver_is_away_nothing_is_done(scene):
    """Its own config brings up what is live."""
    scene.begin()
    scene.triton.versions = None
    await scene.settled()
    assert scene.triton.loads == []


async def test_a_tritonserver_that_goes_away_in_a_load_says_nothing_of_the_version(scene):
    """It is loaded again when there is one."""
    scene.begin()
    scene.triton.fault = TritonAway("gone")
    scene.serving.tick()
    await eventually(lambda: scene.works.held_up_by("attempt") == "gone", "it was tried")
    assert scene.works.stopped("attempt") == ""


async def test_a_version_that_is_taken_out_is_unloaded_when_nobody_calls_it(scene):
    """And its copies are removed, once it is not loaded any more."""
    scene.begin()
    await scene.settled()
    scene.change(end(scene.record, "it failed", 2.0).record)
    await scene.settled()
    assert scene.triton.quiet_for == [frozenset({2})]
    assert scene.triton.loads[-1] == frozenset({1})
    assert scene.triton.ended == []
    assert scene.places.served.models() == {"twice": (1,)}


async def test_a_version_is_not_unloaded_before_another_can_answer(scene):
    """What has taken its place elsewhere is still being loaded here."""
    versions = dict(scene.record.versions)
    versions[1] = replace(versions[1], phase=Phase.RETIRED)
    versions[2] = replace(versions[1], version=2, phase=Phase.LIVE)
    await scene.settled()
    scene.change(replace(scene.record, stable=2, versions=versions))
    scene.triton.versions = {1: "READY", 2: "LOADING"}
    await scene.settled()
    assert scene.triton.loads == []
    scene.triton.versions = {1: "READY", 2: "READY"}
    await scene.settled()
    assert scene.triton.loads == [frozenset({2})]


async def test_a_version_that_is_forgotten_while_it_is_loaded_is_unloaded_too(scene):
    """Its folder was removed just after its rollout had ended."""
    scene.begin()
    await scene.settled()
    scene.change(end(scene.record, "it failed", 2.0).record)
    scene.forget(2)
    assert scene.copies() == {"served 1", "1.model", "served 2", "2.model"}
    await scene.settled()
    assert scene.triton.loads[-1] == frozenset({1})
    assert scene.copies() == {"served 1", "1.model"}


async def test_a_version_that_hangs_is_killed_before_it_is_unloaded(scene):
    """Triton would keep it, and its callers, for as long as the server lives."""
    scene.begin()
    await scene.settled()
    scene.triton.is_quiet = False
    scene.change(end(scene.record, "it hangs", 2.0).record)
    await scene.settled()
    assert scene.triton.ended == [frozenset({2})]
    assert scene.triton.loads[-1] == frozenset({1})


async def test_a_version_that_is_being_loaded_is_waited_for(scene):
    """It may be ready by now: what is known of tritonserver is always a little old."""
    await scene.settled()
    scene.begin()
    scene.triton.versions = {1: "READY", 2: "LOADING"}
    await scene.settled()
    assert scene.triton.loads == []


async def test_a_load_that_a_killed_controller_has_left_is_taken_over(scene):
    """Nobody waits for it: if it hangs, it would hang for ever, and the rollout with it."""
    scene.begin()
    scene.triton.versions = {1: "READY", 2: "LOADING"}
    await scene.settled()
    assert scene.triton.loads == [{1, 2}]


async def test_a_version_whose_loads_end_with_tritonserver_is_refused(scene, monkeypatch):
    """Once can be a coincidence; a load that is repeated for ever would take everybody down."""
    monkeypatch.setattr(serving, "_AGAIN_S", 0.0)
    scene.begin()
    scene.triton.fault = TritonAway("gone")
    await scene.settled()
    assert scene.triton.loads == [{1, 2}, {1, 2}]
    told = "it does not load: tritonserver has died in 2 loads of it"
    assert scene.works.stopped("attempt") == told


@pytest.mark.parametrize(
    ("fault", "told"),
    [(StagingFailed("No space left on device"), "No space left"), (KeyError(), "KeyError")],
)
async def test_a_copy_that_cannot_be_made_is_waited_for_and_told(scene, monkeypatch, fault, told):
    """Whatever the reason: it says nothing of a version, and is not tried again at once."""
    tries = []

    def stage(*_: object) -> None:
        tries.append(1)
        raise fault

    scene.begin()
    scene.places.forget("twice", 2)
    monkeypatch.setattr(places_module, "stage", stage)
    scene.serving.tick()
    await eventually(lambda: told in scene.works.held_up_by("attempt"), "it says so")
    scene.serving.tick()
    assert (len(tries), len(scene.serving._busy)) == (1, 1)
    assert scene.works.stopped("attempt") == ""
