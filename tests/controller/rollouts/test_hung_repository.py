"""A repository that is slow, or hangs, holds up what has to be read from it, and nothing else."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from control.config import RepositorySettings
from control.controller.loop import ControllerState
from control.controller.rollouts import evidence as evidence_module
from control.controller.rollouts import policies as policies_module
from control.controller.rollouts import verifier as verifier_module
from control.controller.rollouts.evidence import FactsGatherer
from control.controller.rollouts.performer import Performer
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.reports import CanaryReports
from control.controller.rollouts.verifier import Verifier
from control.controller.rollouts.works import Works
from control.core.canary_policy import DEFAULT_CANARY, Isolation
from control.core.rollout_facts import Work
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.lane import Lane
from control.repository.watch import RepositoryWatch
from tests.controller.rollouts.world import POLICY, World
from tests.support.polls import eventually


def record_of(model: str, phase: Phase = Phase.DETECTED) -> ModelRecord:
    """A model whose version 2 is under way."""
    rollout = Rollout(f"attempt of {model}", 2, 1, Isolation.SAME_SERVER, 0.0)
    return ModelRecord(
        model, stable=1, rollout=rollout, versions={2: VersionRecord(2, phase, "", 0.0)}
    )


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    """Set it to let the repository answer again."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hung(answers, monkeypatch):
    """A repository whose contracts cannot be looked for, until it answers again."""
    find = policies_module.find_contract

    def wait_and_find(folder: Path, version: int) -> Path | None:
        answers.wait(20)
        return find(folder, version)

    monkeypatch.setattr(policies_module, "find_contract", wait_and_find)


def gatherer(source: Path) -> FactsGatherer:
    """What begins versions of a repository."""
    return FactsGatherer(
        ControllerState(),
        RepositoryWatch(source, RepositorySettings()),
        CanaryReports(lambda _: None),
        Policies(source),
        Works(asyncio.Event()),
    )


class SlowPlaces:
    """Where every copy takes its time."""

    def __init__(self, released: threading.Event) -> None:
        self.staging = Lane("staging", 2)
        self._released = released

    def stage(self, _model: str, _version: int) -> SimpleNamespace:
        """Copy, once it may."""
        self._released.wait(20)
        return SimpleNamespace(digest="two", model_digest="files")


async def test_copies_take_no_thread_from_anything_else(answers):
    """However many there are: a lease that is renewed too late is another host's."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    works = Works(asyncio.Event())
    hooks = SimpleNamespace(has=lambda _: False)
    performer = Performer(works, SlowPlaces(answers), None, hooks)  # type: ignore[arg-type]
    models = [f"m{number}" for number in range(10)]
    for model in models:
        performer.begin(record_of(model), Work.STAGE)
    await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "renewed"), 5) == "renewed"
    assert works.is_running(Work.STAGE)
    answers.set()
    for model in models:
        done = await eventually(lambda of=model: works.done(f"attempt of {of}", 0.0), "copied")
        assert done[Work.STAGE].detail == "two"


async def test_what_is_put_in_place_does_not_wait_for_copies_of_drops(places, answers):
    """A live version of one model comes up while large drops of others are copied."""
    copies = [asyncio.create_task(places.staging.do(answers.wait, 20)) for _ in range(10)]
    put_in = places.placing.do(places.put_in, "twice", 2, "")
    await asyncio.wait_for(put_in, 10)
    answers.set()
    await asyncio.gather(*copies)
    assert places.served_version("twice", 2).is_dir()


@pytest.mark.usefixtures("hung")
async def test_a_policy_that_cannot_be_read_holds_no_tick_up(places, answers, monkeypatch):
    """Nobody could take a bad version back; what was read last goes on being said."""
    monkeypatch.setattr(policies_module, "_FRESH_S", 0.0)
    monkeypatch.setattr(policies_module, "_PATIENCE_S", 0.01)
    policies = Policies(places.source)
    answers.set()
    said = await eventually(lambda: policies.said("twice", 2), "it is read")
    await eventually(lambda: not policies._asked, "nothing is read any more")
    answers.clear()
    for _ in range(3):
        assert policies.said("twice", 2) == said
    assert policies.said("alike", 2) is None
    assert await policies.soon("twice", 2) == said
    assert await policies.soon("alike", 2) == DEFAULT_CANARY


@pytest.mark.usefixtures("hung")
async def test_no_model_waits_until_another_can_begin(places, answers, monkeypatch):
    """A version begins with the policy that its contract says, once that can be read."""
    monkeypatch.setattr(evidence_module, "_PATIENCE_S", 0.01)
    evidence = gatherer(places.source)
    for _ in range(3):
        assert await evidence.policy("twice", 2) is None
    assert await evidence.policy("alike", 1) is None
    answers.set()
    reading = evidence._readings["twice", 2]
    await eventually(reading.done, "it is read")
    policy = await evidence.policy("twice", 2)
    assert policy is not None
    assert policy.weights == (20.0, 50.0)
    assert evidence._readings.keys() == {("alike", 1)}


async def test_a_policy_that_nobody_has_fetched_is_read_anew(places, monkeypatch):
    """The contract may have changed since."""
    monkeypatch.setattr(evidence_module, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(evidence_module, "_OUTDATED_S", 0.0)
    evidence = gatherer(places.source)
    assert await evidence.policy("twice", 2) is None
    await eventually(lambda: not evidence._readings, "it is forgotten")


async def test_a_version_does_not_begin_before_its_policy_is_known(store, monkeypatch):
    """It is kept with the rollout from its beginning."""
    world = World(store)
    world.begin()
    driver, book = world.controller()

    async def unknown(_model: str, _version: int) -> None:
        return None

    with monkeypatch.context() as patched:
        patched.setattr(driver._evidence, "policy", unknown)
        await world.live(driver, book, turns=3)
    assert world.actions() == ["model_adopted", "detected"]
    await world.live(driver, book, turns=1)
    assert book.record("m").rollout.policy == POLICY


async def test_the_slot_is_taken_until_a_verification_has_really_ended(
    places, monkeypatch, tmp_path
):
    """Two in one scratch folder would kill each other's tritonserver, and reject good versions."""
    places.paths.run.mkdir(parents=True)
    places.stage("twice", 2)
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    slow = tmp_path / "slow"
    slow.write_text(
        f"#!/bin/sh\ntrap 'sleep 0.5; touch {ended}; exit 1' TERM\n"
        f"touch {begun}\nwhile :; do sleep 0.05; done\n"
    )
    slow.chmod(0o755)
    monkeypatch.setattr(verifier_module.sys, "executable", str(slow))
    works = Works(asyncio.Event())
    hooks = SimpleNamespace(has=lambda _: False)
    performer = Performer(works, places, Verifier(ControllerState(), places), hooks)  # type: ignore[arg-type]
    performer.begin(record_of("twice", Phase.VERIFYING), Work.VERIFY)
    await eventually(begun.exists, "it verifies")
    for _ in range(3):
        performer.forget_others(set())
        await asyncio.sleep(0.01)
        assert works.is_running(Work.VERIFY)
    assert not ended.exists()
    await eventually(lambda: not works.is_running(Work.VERIFY), "the slot is free")
    assert ended.exists()
