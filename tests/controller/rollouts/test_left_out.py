"""A live version that does not come up is left out, and takes nobody else with it."""

from dataclasses import replace

import pytest

from control.controller.rollouts import serving
from control.controller.rollouts.left_out import LeftOut
from control.controller.rollouts.serving import MainServer, Serving
from control.core.rollout import end
from control.core.rollout_phases import Phase
from control.repository.refusals import SourceChanged, SourceRefused, StagingFailed
from control.triton.management import LoadFailed, TritonAway
from tests.support.polls import eventually

FAILED = LoadFailed.of({1: "CUDA out of memory"})
TOLD = "version 1 does not load: CUDA out of memory"


class Clock:
    """Time that passes when it is told to."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """At 0."""
    return Clock()


@pytest.fixture
async def failing(scene, clock):
    """A restarted tritonserver came up, and version 1 did not come up."""
    main = MainServer(scene.triton, scene.triton, scene.triton.quiet)
    scene.works.left_out = LeftOut(clock)
    policies = scene.serving._policies
    scene.serving = Serving(scene.book, main, scene.places, policies, scene.works)
    scene.triton.versions = {1: "UNAVAILABLE"}
    scene.triton.faults = {1: FAILED}
    return scene


def test_a_version_is_tried_again_ever_more_rarely(clock):
    """Each load costs the start of a process, and others of the model wait for it."""
    left_out = LeftOut(clock)
    assert left_out.is_due("m", 1)
    waits = []
    for _ in range(8):
        waits.append(left_out.add("m", 1, "no GPU"))
        assert not left_out.is_due("m", 1)
        clock.now_s += waits[-1]
        assert left_out.is_due("m", 1)
    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    assert left_out.is_due("m", 2)
    assert left_out.is_due("n", 1)


def test_what_has_come_up_is_forgotten(clock):
    """It begins with the first time again should it ever fail."""
    left_out = LeftOut(clock)
    left_out.add("m", 2, "no memory")
    left_out.add("m", 1, "no GPU")
    told = "version 1 does not load: no GPU; version 2 does not load: no memory"
    assert left_out.told("m") == told
    left_out.keep("m", {2})
    assert left_out.told("m") == "version 2 does not load: no memory"
    left_out.keep("m", ())
    assert (left_out.told("m"), left_out.told("n")) == ("", "")
    assert left_out.add("m", 1, "no GPU") == 5.0


def test_a_server_that_is_away_says_nothing_of_a_version(clock):
    """It comes back with it: nobody takes its place for that."""
    left_out = LeftOut(clock)
    for _ in range(3):
        left_out.add("m", 1, "tritonserver is away", is_own=False)
    left_out.add("m", 1, "no GPU")
    assert left_out.told_again("m") == ""
    left_out.add("m", 1, "no GPU")
    assert left_out.told_again("m") == "version 1 does not load: no GPU"


def test_once_can_be_a_coincidence(clock):
    """Nothing is decided by a single failure."""
    left_out = LeftOut(clock)
    left_out.add("m", 1, "no GPU")
    assert left_out.told_again("m") == ""
    left_out.add("m", 1, "no GPU")
    left_out.add("m", 2, "no memory")
    assert left_out.told_again("m") == "version 1 does not load: no GPU"


async def test_a_mended_drop_is_not_blamed_for_the_version_that_it_mends(failing):
    """The live one is tried first, as requests go to it; then the other by itself."""
    failing.begin()
    await failing.settled()
    assert failing.triton.loads == [{1}, {2}]
    assert failing.triton.ready == {2}
    assert failing.works.stopped("attempt") == ""
    assert failing.works.held_up_by("attempt") == TOLD


async def test_a_version_with_all_requests_stays_where_the_one_before_does_not_come_up(failing):
    """It is loaded first; rolled back it would leave nobody."""
    failing.begin()
    promoting = replace(failing.record.versions[2], phase=Phase.PROMOTING)
    versions = {**failing.record.versions, 2: promoting}
    failing.change(replace(failing.record, stable=2, previous=1, versions=versions))
    await failing.settled()
    assert failing.triton.loads == [{2}, {1, 2}]
    assert failing.triton.ready == {2}
    assert failing.works.stopped("attempt") == ""


@pytest.mark.parametrize(
    "fault",
    [
        LoadFailed("initialize took more than 8 s"),
        SourceRefused("pipe is a FIFO"),
        SourceChanged("it has other files"),
        StagingFailed("No space left on device"),
        OSError(5, "Input/output error"),
        KeyError("?"),
    ],
)
async def test_whatever_a_live_version_fails_of_is_its_own(failing, fault):
    """Also where nobody names it: it was the only one that was loaded."""
    failing.triton.faults = {1: fault}
    failing.begin()
    await failing.settled()
    assert failing.triton.ready == {2}
    assert failing.works.stopped("attempt") == ""
    assert failing.works.held_up_by("attempt").startswith("version 1 does not load: ")


async def test_it_is_tried_again_when_its_time_has_come(failing, clock):
    """Beside those that serve meanwhile, which go on."""
    failing.begin()
    await failing.settled()
    clock.now_s = 4.9
    await failing.settled()
    assert len(failing.triton.loads) == 2
    clock.now_s = 5.0
    await failing.settled()
    assert failing.triton.loads[2:] == [{1, 2}]
    clock.now_s = 14.9
    await failing.settled()
    assert len(failing.triton.loads) == 3
    failing.triton.faults = {}
    clock.now_s = 15.0
    await failing.settled()
    assert failing.triton.ready == {1, 2}
    assert failing.works.held_up_by("attempt") == ""


async def test_what_else_is_to_be_done_is_done_meanwhile(failing):
    """A version that was taken out is unloaded: it may be what keeps the live one out."""
    failing.begin()
    await failing.settled()
    failing.change(end(failing.record, "it failed", 2.0).record)
    await failing.settled()
    assert failing.triton.loads[2:] == [frozenset()]
    assert failing.places.served.models() == {"twice": (1,)}
    assert failing.places.served.live_versions("twice") == (1,)


async def test_a_death_in_the_load_of_a_live_version_is_not_the_others(failing, monkeypatch, clock):
    """However often: the one under way was not even asked for."""
    monkeypatch.setattr(serving, "_AGAIN_S", 0.0)
    failing.triton.faults = {1: TritonAway("gone")}
    failing.begin()
    for _ in range(3):
        await failing.settled()
        clock.now_s += 1000.0
    assert [one for one in failing.triton.loads if 1 in one] != []
    assert failing.works.stopped("attempt") == ""
    assert failing.triton.ready == {2}


async def test_a_failure_that_another_version_is_named_for_is_waited_out(scene):
    """It was loaded, and is not ready after the load: that says nothing of the one under way."""
    scene.begin()
    scene.triton.faults = {2: FAILED}
    scene.serving.tick()
    held_up = "version 1: CUDA out of memory"
    await eventually(lambda: scene.works.held_up_by("attempt") == held_up, "it waits")
    assert scene.works.stopped("attempt") == ""
