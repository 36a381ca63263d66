"""A version that calls other models: their death is a failure of its own, and no death."""

import pytest

from tests.fakes.fake_triton import refuse
from tests.gateway.data_plane.conftest import Plane
from tests.gateway.data_plane.rollout_scene import (
    REROUTED,
    STABLE,
    TRIED,
    Rollout,
    ask,
    canary_of,
    ends_of,
)

#: As Triton tells of a model that raises what it has heard, that passes it on, and of an ensemble.
RAISED = (
    "Failed to process the request(s) for model 'identity_0_0', message: TritonModelException: "
    "Stub process 'tokenizer_0' is not healthy.\n\nAt:\n  /models/identity/1/model.py(9): execute\n"
)
PASSED_ON = "Stub process 'tokenizer_0' is not healthy."
OF_A_STEP = "in ensemble 'identity', Stub process 'tokenizer_0' is not healthy."


@pytest.mark.parametrize("text", [RAISED, PASSED_ON, OF_A_STEP])
async def test_a_dead_model_that_both_call_is_not_held_against_a_canary(
    plane: Plane, text: str
) -> None:
    """Stable fails on the same request; neither is taken for dead."""
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version = {"1": refuse(500, text), "2": refuse(500, text)}
    heard = await ask(plane)
    assert (heard.status, heard.values) == (500, "model_failed")
    assert ends_of(plane) == {"unconfirmed": 1}
    assert not canary_of(plane).stopped
    breakers = plane.gateway.guards.breakers
    assert breakers.of(STABLE).lets_all_pass
    assert breakers.of(TRIED).lets_all_pass


async def test_a_dead_model_that_a_canary_alone_calls_is_its_failure(plane: Plane) -> None:
    """Stable answers the same request."""
    await plane.ready(Rollout().snapshot)
    plane.fake.by_version["2"] = refuse(500, PASSED_ON)
    heard = await ask(plane, 3.0)
    assert (heard.values, heard.by) == ([3.0], REROUTED)
    assert ends_of(plane) == {"failure": 1}
