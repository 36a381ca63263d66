"""What is served follows the records: compared and mended until it does."""

import asyncio
from collections.abc import Collection
from dataclasses import replace

import pytest

from control.controller.rollouts import places as places_module
from control.controller.rollouts import serving
from control.controller.rollouts.adoption import adopt_served
from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.serving import MainServer, Serving
from control.controller.rollouts.works import Works
from control.core.canary_policy import DEFAULT_CANARY
from control.core.rollout import Step, end
from control.core.rollout_begin import begin
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.repository.refusals import StagingFailed
from control.state.audit import Act
from control.triton.management import LoadFailed, TritonAway
from tests.support.polls import eventually

ACT = Act("test", "", 1.0, "because")


class Triton:
    """A tritonserver that loads what it is told, unless it is told to fail."""

    def __init__(self) -> None:
        self.versions: dict[int, str] | None = {1: "READY"}
        self.loads: list[frozenset[int]] = []
        self.fault: Exception | None = None
        self.quiet_for: list[frozenset[int]] = []
        self.is_quiet = True
        self.ended: list[frozenset[int]] = []

    def states(self, _model: str) -> dict[int, str] | None:
        return self.versions

    async def load(self, _model: str, versions: Collection[int], _timeout_s: float) -> None:
        self.loads.append(frozenset(versions))
        if self.fault is not None:
            raise self.fault
        self.versions = dict.fromkeys(versions, "READY")

    async def quiet(self, _model: str, versions: frozenset[int], _patience_s: float) -> bool:
        assert set(versions) <= set(self.versions or {})
        self.quiet_for.append(versions)
        return self.is_quiet

    def end_hung(self, _model: str, versions: frozenset[int]) -> int:
        self.ended.append(versions)
        return len(versions)


class Scene:
    """Serving, with all around it."""

    def __init__(self, store, places) -> None:
        self.triton = Triton()
        self.places = places
        self.book = RolloutBook(store.rollouts)
        self.works = Works(asyncio.Event())
        adopt_served(self.book, places, 1.0)
        main = MainServer(self.triton, self.triton, self.triton.quiet)
        policies = Policies(places.source)
        self.serving = Serving(self.book, main, places, policies, self.works)

    @property
    def record(self) -> ModelRecord:
        record = self.book.record("twice")
        assert record is not None
        return record

    def change(self, record: ModelRecord) -> None:
        self.book.commit(self.record, Step(record, "changed", "because"), ACT)

    def begin(self, attempt: str = "attempt") -> None:
        """Bring version 2 to where it is loaded."""
        digest = self.places.stage("twice", 2).digest
        known = replace(self.record.versions[1], version=2, phase=Phase.DETECTED)
        with_two = replace(self.record, versions={**self.record.versions, 2: known})
        begun = begin(with_two, 2, DEFAULT_CANARY, attempt, 1.0).record
        loading = replace(begun.versions[2], phase=Phase.LOADING, digest=digest)
        self.change(replace(begun, versions={**begun.versions, 2: loading}))

    def forget(self, version: int) -> None:
        """Let the record know nothing of a version: its folder is gone."""
        versions = {n: one for n, one in self.record.versions.items() if n != version}
        self.change(replace(self.record, versions=versions))

    def copies(self) -> set[str]:
        """Name what lies where versions are staged, and the versions that are served."""
        staged = self.places.paths.staged / "twice"
        served = {f"served {number}" for number in self.places.served.versions("twice")}
        return served | {one.name for one in staged.iterdir()}

    async def settled(self) -> None:
        """Tick until there is nothing to do."""
        for _ in range(5):
            self.serving.tick()
            await eventually(lambda: not self.serving._busy, "it is not busy")


@pytest.fixture
async def scene(store, places):
    return Scene(store, places)


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
