"""The canary policy of each version, from its contract as it is now."""

import pytest

from control.controller.rollouts import policies as module
from control.controller.rollouts.policies import Policies
from control.core.canary_policy import DEFAULT_CANARY, Isolation
from tests.support.polls import eventually


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(module, "_FRESH_S", 0.0)


def test_the_models_contract_says_it_for_every_version(places):
    """Unless the version has a contract of its own."""
    policies = Policies(places.source)
    assert policies.of("twice", 2).weights == (20.0, 50.0)
    own = places.source / "twice" / "2" / "contract.yaml"
    own.write_text("canary: {step_weights: [7], minimum_samples: 3}\n")
    assert policies.of("twice", 2).weights == (7.0,)
    assert policies.of("twice", 1).weights == (20.0, 50.0)


async def test_a_contract_that_cannot_be_read_changes_nothing(places):
    """The policy that was read last holds."""
    policies = Policies(places.source)
    file = places.source / "twice" / "contract.yaml"
    before = policies.of("twice", 2)
    assert policies.said("twice", 2) == before
    broken = file.with_name("draft")  # as a whole: it is read beside
    broken.write_text("canary: {step_weights: [nonsense]}\n")
    broken.replace(file)
    assert policies.of("twice", 2) == before
    await eventually(lambda: policies.said("twice", 2) is None, "it says nothing")
    file.unlink()
    assert policies.of("twice", 2) == DEFAULT_CANARY
    await eventually(lambda: policies.said("twice", 2) is None, "it says nothing")


def test_a_repository_that_is_away_changes_nothing(places):
    """It may be a network file system."""
    policies = Policies(places.source)
    before = policies.of("twice", 2)
    places.source.rename(places.source.with_name("away"))
    assert policies.of("twice", 2) == before


def test_versions_that_nobody_asks_for_are_forgotten(places, monkeypatch):
    """There is always another one; those that are asked for all along stay known."""
    policies = Policies(places.source)
    before = policies.of("twice", 1)
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)
    for number in range(2, 100):
        now_s = 1e9 + number * module._FORGOTTEN_S / 10
        policies.of("twice", number)
        policies.of("twice", 1)
    assert len(policies._known) < 15
    places.source.rename(places.source.with_name("away"))
    assert policies.of("twice", 1) == before


def test_a_model_that_others_call_is_tried_in_a_server_of_its_own(places):
    """A call within Triton that names no version would get the new one, unjudged."""
    policies = Policies(places.source)
    assert policies.at_begin("twice", 2).isolation is Isolation.SAME_SERVER
    caller = places.source / "caller" / "1"
    caller.mkdir(parents=True)
    (caller / "model.py").write_text("request = InferenceRequest(model_name='twice')\n")
    assert policies.at_begin("twice", 2).isolation is Isolation.OWN_SERVER
    places.source.rename(places.source.with_name("away"))
    assert policies.at_begin("twice", 2).isolation is Isolation.SAME_SERVER
