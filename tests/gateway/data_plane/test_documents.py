"""Health, metadata and statistics, and the endpoints that are closed."""

import pytest

from tests.fakes.fake_triton import stub_died
from tests.gateway.conftest import make_view, snapshot_of
from tests.gateway.data_plane.conftest import Plane
from tests.support.polls import eventually


async def test_health_follows_triton_and_the_snapshot(plane: Plane) -> None:
    """Live at once; ready when Triton and every loaded model are; never ready when it has died."""
    assert (await plane.ask("GET", "/v2/health/live")).status == 200
    assert (await plane.ask("GET", "/v2/health/ready")).status == 400
    await plane.ready(snapshot_of(make_view("identity", 1), make_view("identity", 2)))
    assert (await plane.ask("GET", "/v2/health/ready")).status == 200
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 200
    await plane.ready(snapshot_of(make_view("identity", 1), make_view("sick", 1, ready=False)))
    assert (await plane.ask("GET", "/v2/health/ready")).status == 400
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 200
    assert (await plane.ask("GET", "/v2/models/sick/versions/1/ready")).status == 400
    await plane.fake.stop()
    await eventually(lambda: not plane.gateway.triton.gate.is_open, "the death is seen")
    assert (await plane.ask("GET", "/v2/models/identity/ready")).status == 400


async def test_a_stub_seen_dead_is_not_ready(plane: Plane) -> None:
    """What one request found out, health and index say to everybody."""
    await plane.ready(snapshot_of(make_view("identity", 1)))
    plane.fake.then(stub_died("identity"))
    assert (await plane.infer(1.0)).status == 503
    assert (await plane.ask("GET", "/v2/health/ready")).status == 400
    (entry,) = (await plane.ask("POST", "/v2/repository/index")).document
    assert entry["state"] == "UNAVAILABLE"


async def test_documents_come_from_the_snapshot(plane: Plane) -> None:
    """Metadata, config and index need no Triton at all."""
    await plane.ready()
    await plane.fake.stop()
    assert (await plane.ask("GET", "/v2")).document == {"name": "t"}
    assert (await plane.ask("GET", "/v2/models/identity")).document["versions"] == ["2"]
    config = await plane.ask("GET", "/v2/models/identity/versions/1/config")
    assert config.document["name"] == "identity"
    assert (await plane.ask("GET", "/v2/models/sick")).document["name"] == "sick"
    assert (await plane.ask("GET", "/v2/models/nobody")).code == "model_not_found"
    index = (await plane.ask("POST", "/v2/repository/index")).document
    assert {(one["name"], one["version"], one["state"]) for one in index} >= {
        ("identity", "2", "READY"),
        ("identity", "3", "UNAVAILABLE"),
    }


async def test_before_the_first_snapshot_documents_are_unavailable(plane: Plane) -> None:
    """What is not known yet is 503, not 404: a client must not take a model for deleted."""
    assert (await plane.ask("GET", "/v2/models/identity")).status == 503
    assert (await plane.ask("GET", "/v2")).status == 503


async def test_statistics_are_tritons(plane: Plane) -> None:
    """Statistics are passed on, for one model or for all."""
    await plane.ready()
    plane.fake.documents["/v2/models/stats"] = b'{"all":1}'
    plane.fake.documents["/v2/models/identity/stats"] = b'{"one":1}'
    assert (await plane.ask("GET", "/v2/models/stats")).document == {"all": 1}
    assert (await plane.ask("GET", "/v2/models/identity/stats")).document == {"one": 1}
    assert (await plane.ask("GET", "/v2/models/nobody/stats")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v2/repository/models/m/load", 403, "forbidden"),
        ("POST", "/v2/repository/models/m/unload", 403, "forbidden"),
        ("POST", "/v2/systemsharedmemory/region/r/register", 403, "forbidden"),
        ("GET", "/v2/cudasharedmemory/status", 403, "forbidden"),
        ("POST", "/v2/logging", 403, "forbidden"),
        ("GET", "/v2/trace/setting", 403, "forbidden"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/v3", 404, "not_found"),
        ("GET", "//v2", 404, "not_found"),
        ("GET", "/v2%2fmodels/identity", 404, "not_found"),
        ("GET", "/v2/models/identity/infer", 405, "method_not_allowed"),
        ("DELETE", "/v2", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_open_is_refused_in_one_form(
    plane: Plane, method: str, path: str, status: int, code: str
) -> None:
    """Forbidden, unknown and misused endpoints answer with the error document."""
    await plane.ready()
    answered = await plane.ask(method, path)
    assert (answered.status, answered.code) == (status, code)
    assert plane.fake.seen == []
