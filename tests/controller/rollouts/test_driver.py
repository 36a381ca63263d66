"""The driver against a real database: whatever dies when, the rollout goes on from its record."""

import dataclasses

import pytest

from control.core.rollout import Step
from control.core.rollout_facts import DropState, SourceFolder
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord
from control.state.store import StateStore
from tests.controller.rollouts.world import Killed, World
from tests.support.databases import open_store

GOOD = [
    "model_adopted", "detected", "rollout_started", "staged", "verifying", "loading", "canary",
    "canary_weight", "promoting", "pin_moved", "live",
]  # fmt: skip


@pytest.fixture
def store(tmp_path):
    made = open_store(f"sqlite:///{tmp_path / 'seawall.db'}")
    yield made
    made.close()


async def test_a_good_version_goes_all_the_way(store):
    """Each step is taken once, and kept with its reason."""
    world = World(store)
    world.begin()
    driver, book = world.controller()
    await world.live(driver, book)
    assert world.actions() == GOOD
    assert phases_of(store) == {1: Phase.RETIRED, 2: Phase.LIVE}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", range(1, len(GOOD)))
async def test_a_controller_that_dies_at_any_step_is_followed_by_one_that_goes_on(
    store, dies_at, after
):
    """Before the step is durable it is taken again, afterwards it is not: none lost, none twice."""
    world = World(store)
    world.begin()
    driver, book = world.controller(dies_at, after=after)
    with pytest.raises(Killed):
        await world.live(driver, book)
    driver, book = world.controller()
    await world.live(driver, book)
    assert world.actions() == GOOD
    assert phases_of(store) == {1: Phase.RETIRED, 2: Phase.LIVE}


@pytest.mark.parametrize("dies_at", range(5, len(GOOD)))
async def test_a_stop_that_nobody_has_heard_is_heard_by_the_next_controller(store, dies_at):
    """Gateways say again and again that they have stopped a canary."""
    world = World(store)
    world.begin()
    driver, book = world.controller(dies_at, after=True)
    with pytest.raises(Killed):
        await world.live(driver, book)
    if phases_of(store)[2] is Phase.LIVE:
        return
    world.stopped = "it failed"
    driver, book = world.controller()
    await world.live(driver, book)
    record = record_of(store)
    assert record.versions[2].phase in {Phase.ROLLED_BACK, Phase.REJECTED}
    assert record.versions[2].reason == "it failed"
    assert (record.stable, record.previous, record.rollout) == (1, None, None)
    assert world.actions()[-1] in {"rolled_back", "rejected"}


async def test_without_the_lease_nothing_goes_forward_but_bad_versions_go_back(store):
    """Another controller leads; ours has seen the failure."""
    world = World(store)
    world.begin()
    driver, book = world.controller(7, after=True)
    with pytest.raises(Killed):
        await world.live(driver, book)
    before = world.actions()
    driver, book = world.controller()
    driver._lead.lease = None
    await world.live(driver, book)
    assert world.actions() == before
    world.stopped = "it failed"
    await world.live(driver, book, turns=2)
    assert world.actions() == [*before, "rolled_back"]


async def test_who_follows_weighs_what_its_gateways_have_seen_together(store):
    """A few failures at each of many gateways are many failures, whoever leads."""
    world = World(store)
    world.begin()
    driver, book = world.controller(7, after=True)
    with pytest.raises(Killed):
        await world.live(driver, book)
    driver, book = world.controller()
    driver._lead.lease = None
    world.calls = world.failures = 100
    await world.live(driver, book, turns=2)
    assert world.actions()[-1] == "rolled_back"
    assert "100 of 100 calls failed" in record_of(store).versions[2].reason


async def test_no_clock_makes_a_version_live_that_was_stopped_meanwhile(store):
    """The controller was dead while it baked, and gateways report to the next one soon."""
    world = World(store)
    world.begin()
    driver, book = world.controller(GOOD.index("pin_moved"), after=True)
    with pytest.raises(Killed):
        await world.live(driver, book)
    world.now_s += 3600.0
    calls, world.calls = world.calls, 0
    driver, book = world.controller()
    await driver.tick()
    assert phases_of(store)[2] is Phase.PROMOTING
    world.calls = calls + 1000
    await driver.tick()
    assert phases_of(store)[2] is Phase.PROMOTING
    world.stopped = "it failed"
    await driver.tick()
    assert phases_of(store) == {1: Phase.LIVE, 2: Phase.ROLLED_BACK}


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
async def test_a_clock_that_is_set_changes_nothing(store, jump_s):
    """Steps last as long as they last, and end."""
    world = World(store)
    world.begin()
    driver, book = world.controller()
    while "canary" not in world.actions():
        await world.live(driver, book, turns=1)
    await driver.tick()
    world.ahead_s = jump_s
    world.calls += 1000
    await driver.tick()
    assert world.actions()[-1] == "canary"
    await world.live(driver, book)
    assert world.actions() == GOOD


async def test_a_step_of_one_whose_lease_has_gone_is_void(store):
    """Who was frozen and wakes up late changes nothing."""
    world = World(store)
    world.begin()
    driver, book = world.controller()
    driver._lead.lease = dataclasses.replace(driver._lead.lease, epoch=99)
    await world.live(driver, book, turns=3)
    assert world.actions() == ["model_adopted"]


async def test_a_step_of_one_who_has_heard_that_it_leads_no_longer_is_void(store):
    """It hears so while it decides: what it has decided goes forward under no lease at all."""
    world = World(store)
    world.begin()
    driver, _ = world.controller()
    gather = driver._evidence.gather

    async def lose_the_lead(record):
        store.leases.release(driver._lead.lease)
        driver._lead.lease = None
        store.leases.acquire("rollouts", "another", 1000.0)
        driver._evidence.gather = gather
        return await gather(record)

    driver._evidence.gather = lose_the_lead
    await driver.tick()
    assert world.actions() == ["model_adopted"]


@pytest.mark.parametrize("gone", [False, True])
async def test_many_folders_at_once_are_no_circle(store, capsys, gone):
    """Each is noticed by a step of its own, and so is each that is gone."""
    world = World(store)
    world.begin()
    driver, book = world.controller()
    await driver.tick()
    whole = world.folders
    world.folders = {**whole, **{n: SourceFolder(DropState.WRITING) for n in range(3, 103)}}
    await driver.tick()
    assert len(book.record("m").versions) == 102
    if gone:
        world.folders = whole
        await driver.tick()
        assert len(book.record("m").versions) == 2
    assert "rollout_in_a_circle" not in capsys.readouterr().out


async def test_a_circle_is_told_and_holds_up_nobody_else(store, capsys):
    """A fault of ours: the same step again and again."""
    world = World(store)
    world.begin()
    driver, book = world.controller()
    driver._book.reload()

    async def step_again(_model, record, _lease):
        return Step(record, "again", "")

    driver._next_step = step_again
    await driver.tick()
    assert "rollout_in_a_circle" in capsys.readouterr().out
    assert book.record("m").revision < 50


def record_of(store: StateStore) -> ModelRecord:
    """The record as it is kept."""
    record = store.rollouts.load_all().get("m")
    assert record is not None
    return record


def phases_of(store: StateStore) -> dict[int, Phase]:
    """The phases as they are kept."""
    return {number: one.phase for number, one in record_of(store).versions.items()}
