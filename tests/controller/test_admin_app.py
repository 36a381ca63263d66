"""The admin API."""

from typing import Any

import pytest
from flask.testing import FlaskClient

import control
from control.controller.admin_app import create_admin_app
from control.controller.loop import ControllerState
from control.link.messages import VersionMessage


@pytest.fixture
def state() -> ControllerState:
    """What the loop has found."""
    return ControllerState(
        revision=42,
        triton_up=False,
        triton_reason="tritonserver is not running",
        versions=(
            VersionMessage("m", 1, True, True, "", b"{}", b"{}"),  # noqa: FBT003
            VersionMessage("m", 2, True, False, "its Python process has died", b"{}", b"{}"),  # noqa: FBT003
        ),
        gateways=2,
    )


@pytest.fixture
def client(state: ControllerState) -> FlaskClient:
    """A client of the application."""
    return create_admin_app(state).test_client()


def test_the_status_is_all_that_the_controller_knows(client: FlaskClient) -> None:
    """One document tells Triton, models, gateways and revision, and why what is not ready."""
    answer = client.get("/admin/v1/status")
    document: dict[str, Any] = answer.get_json()
    assert answer.content_type == "application/json"
    assert document.pop("uptime_seconds") >= 0.0
    assert document == {
        "version": control.__version__,
        "revision": 42,
        "gateways": 2,
        "triton": {"up": False, "reason": "tritonserver is not running"},
        "models": [
            {"model": "m", "version": 1, "ready": True, "reason": ""},
            {"model": "m", "version": 2, "ready": False, "reason": "its Python process has died"},
        ],
    }


def test_the_status_is_that_of_now(client: FlaskClient, state: ControllerState) -> None:
    """Every answer shows the state at its time."""
    state.triton_up, state.triton_reason, state.revision = True, "", 43
    document = client.get("/admin/v1/status").get_json()
    assert (document["triton"], document["revision"]) == ({"up": True, "reason": ""}, 43)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/admin/v2/status", 404, "not_found"),
        ("GET", "/admin/v1/models", 404, "not_found"),
        ("POST", "/admin/v1/status", 405, "method_not_allowed"),
        ("DELETE", "/admin/v1/status", 405, "method_not_allowed"),
    ],
)
def test_refusals_have_the_form_of_all_refusals(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    """An error here is the same document as an error of the data plane."""
    answer = client.open(path, method=method)
    document = answer.get_json()
    assert answer.status_code == status
    assert document["code"] == code
    assert isinstance(document["error"], str)
    assert answer.headers["X-Request-Id"]


def test_the_api_describes_itself(client: FlaskClient) -> None:
    """The OpenAPI document names every endpoint and the form of its answer."""
    document = client.get("/admin/v1/openapi.json").get_json()
    assert document["info"] == {"title": "Seawall admin API", "version": control.__version__}
    assert set(document["paths"]) == {"/admin/v1/status"}
    (media,) = document["paths"]["/admin/v1/status"]["get"]["responses"]["200"]["content"].values()
    assert media["schema"]["$ref"] == "#/components/schemas/Status"
    status = document["components"]["schemas"]["Status"]["properties"]
    assert set(status) == set(client.get("/admin/v1/status").get_json())
