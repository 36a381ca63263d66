"""What is counted of each request, and under which id."""

import asyncio

import pytest

from tests.fakes.fake_triton import hang
from tests.gateway.conftest import value_of
from tests.gateway.data_plane.conftest import SNAPSHOT, Plane, json_of
from tests.support.polls import eventually


async def test_every_request_is_counted_once_under_names_that_exist(plane: Plane) -> None:
    """Clients cannot invent labels: what names no model is counted without a name."""
    await plane.ready()
    registry = plane.gateway.registry
    await plane.infer(1.0)
    for number in range(5):
        await plane.infer(1.0, path=f"/v2/models/invented{number}/infer")
        await plane.infer(1.0, path=f"/v2/models/identity/versions/{number + 50}/infer")
    plane.gateway.observer.write_down()
    name = "seawall_requests_total"
    assert value_of(registry, name, model="identity", version="2", outcome="ok") == 1
    assert value_of(registry, name, model="", version="", outcome="model_not_found") == 10
    labels = {
        sample.labels["model"]
        for metric in registry.collect()
        for sample in metric.samples
        if "model" in sample.labels
    }
    assert labels <= {"", *plane.gateway.snapshots.current.models}


async def test_a_client_that_left_is_counted_as_that(plane: Plane) -> None:
    """A cancelled request is neither a success nor a failure of ours."""
    if not plane.lanes._express:
        plane.lanes.learn_routes(SNAPSHOT)  # Flask's threads cannot be cancelled
    await plane.ready()
    plane.fake.then(hang)
    asking = asyncio.create_task(plane.infer(1.0))
    await eventually(lambda: plane.fake.inferences, "Triton has it")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    plane.gateway.observer.write_down()
    labels = {"model": "identity", "version": "2", "outcome": "client_gone"}
    assert value_of(plane.gateway.registry, "seawall_requests_total", **labels) == 1


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ümlaut", "tab\t"])
async def test_an_id_that_cannot_stand_in_a_header_is_replaced(plane: Plane, given: str) -> None:
    """Only plain, short ids of clients are echoed; the others get one of ours."""
    await plane.ready()
    answered = await plane.ask(
        "POST", "/v2/models/identity/infer", json_of(1.0), x_request_id=given
    )
    assert answered.headers["x-request-id"] not in ("", given)
