"""What a rollout is decided by, from a state that is a few values."""

import asyncio
import json
from dataclasses import replace

import msgspec
import pytest

from control.config import RepositorySettings
from control.controller.loop import ControllerState
from control.controller.rollouts import evidence as module
from control.controller.rollouts import policies as policies_module
from control.controller.rollouts.evidence import FactsGatherer
from control.controller.rollouts.policies import Policies
from control.controller.rollouts.reports import CanaryReports
from control.controller.rollouts.works import Works
from control.core.canary_policy import DEFAULT_CANARY
from control.core.rollout_begin import adopt, begin
from control.core.rollout_facts import Facts
from control.core.rollout_record import ModelRecord
from control.link.messages import VersionMessage
from control.repository.watch import RepositoryWatch
from tests.support.polls import eventually


def message(number: int, *, ready: bool = True, upstream: str = "") -> VersionMessage:
    """A loaded version; one that is not ready has a dead process."""
    reason = "" if ready else "its Python process has died"
    config = b'{"name": "twice"}'
    return VersionMessage("twice", number, True, ready, reason, b"", config, upstream=upstream)  # noqa: FBT003


@pytest.fixture
def state() -> ControllerState:
    """Both versions are ready."""
    index = {"twice": {1: "READY", 2: "READY"}}
    return ControllerState(versions=(message(1), message(2)), index=index)


@pytest.fixture
async def evidence(state, places) -> FactsGatherer:
    """Of that state, with no drops and no reports."""
    reports = CanaryReports(lambda _: None)
    works = Works(asyncio.Event())
    watch = RepositoryWatch(places.source, RepositorySettings())  # it has not looked yet
    return FactsGatherer(state, watch, reports, Policies(places.source), works)


@pytest.fixture
def record() -> ModelRecord:
    """Version 2 is under way."""
    adopted = adopt("twice", {1: "one"}, (), 1.0)
    known = replace(adopted.versions[1], version=2)
    both = replace(adopted, versions={**adopted.versions, 2: known})
    return begin(both, 2, DEFAULT_CANARY, "attempt", 1.0).record


async def test_nothing_is_ready_in_a_server_that_is_away(evidence, state, record):
    """What was known of it before may not come back; who runs apart is still there."""
    assert (await evidence.gather(record)).ready == {1, 2}
    state.index = None
    state.versions = (message(1), message(2, upstream="unix:/x"))
    facts = await evidence.gather(record)
    assert (facts.ready, facts.ready_apart) == (frozenset(), {2})


async def test_a_dead_process_ends_the_attempt_without_any_traffic(
    evidence, state, record, monkeypatch
):
    """Nobody would start it anew, and nobody calls it who could find out; once is no proof."""
    state.versions = (message(1), message(2, ready=False))
    assert (await evidence.gather(record)).stopped == ""
    monkeypatch.setattr(module, "_DEAD_FOR_GOOD_S", 0.0)
    assert (await evidence.gather(record)).stopped == "its Python process has died"
    state.versions = (message(1, ready=False), message(2))
    assert (await evidence.gather(record)).stopped == ""


@pytest.mark.parametrize(
    "config",
    [{"sequence_batching": {}}, {"model_transaction_policy": {"decoupled": True}}],
)
@pytest.mark.parametrize("number", [1, 2])
async def test_what_gateways_cannot_split_is_known_from_either_version(
    evidence, state, record, config, number
):
    """A sequence stays where it began, and a stream of answers is compared with nothing."""
    assert (await evidence.gather(record)).can_be_split
    text = json.dumps({"name": "twice", **config}).encode()
    versions = [message(1), message(2)]
    versions[number - 1] = msgspec.structs.replace(versions[number - 1], config_json=text)
    state.versions = tuple(versions)
    assert not (await evidence.gather(record)).can_be_split


async def test_only_a_contract_that_can_be_read_has_a_say(evidence, places, record, monkeypatch):
    """Who is in the middle of writing it has not said anything yet."""
    monkeypatch.setattr(policies_module, "_FRESH_S", 0.0)
    monkeypatch.setattr(module, "_PATIENCE_S", 20.0)
    file = places.source / "twice" / "contract.yaml"
    file.write_text("canary: {step_weights: [7]}")
    assert (await gathered(evidence, record)).policy.weights == (7.0,)
    file.write_text("canary: {step_weights: [")
    assert (await gathered(evidence, record)).policy is None
    file.unlink()
    assert (await gathered(evidence, record)).policy is None
    assert (await evidence.policy("twice", 2)) == DEFAULT_CANARY


async def gathered(evidence: FactsGatherer, record: ModelRecord) -> Facts:
    """What is known once the contract has been read twice: the first may have begun before."""
    for _ in range(2):
        await evidence.gather(record)
        await eventually(lambda: not evidence._policies._asked, "it is read")
    return await evidence.gather(record)


async def test_a_version_is_alone_where_what_is_live_has_failed_to_load_twice(
    evidence, state, record
):
    """Not while it only cannot be seen, nor where it can answer."""
    state.versions = (message(2),)
    assert (await evidence.gather(record)).alone == ""
    left_out = evidence._works.left_out
    left_out.add("twice", 1, "no GPU")
    assert (await evidence.gather(record)).alone == ""
    left_out.add("twice", 1, "no GPU")
    assert (await evidence.gather(record)).alone == "version 1 does not load: no GPU"
    state.versions = (message(1), message(2))
    assert (await evidence.gather(record)).alone == ""


async def test_what_is_loaded_is_not_only_what_can_answer(evidence, state, record):
    """A dead version of an earlier attempt has to go before it is loaded anew."""
    state.versions = (message(1), message(2, ready=False))
    facts = await evidence.gather(record)
    assert (facts.ready, facts.loaded) == ({1}, {1, 2})
    state.index = {"twice": {1: "READY", 2: "UNAVAILABLE"}}
    assert (await evidence.gather(record)).loaded == {1}
