"""``/admin/v1/status`` and the OpenAPI document."""

from typing import Any

import control


def test_the_status_is_all_that_the_controller_knows(admin):
    """One document tells Triton, models, gateways, access and revision, and what is wrong."""
    answer = admin.ask("GET", "/status")
    document: dict[str, Any] = answer.get_json()
    assert answer.content_type == "application/json"
    assert document.pop("uptime_seconds") >= 0.0
    assert document == {
        "version": control.__version__,
        "revision": 42,
        "gateways": 2,
        "triton": {"up": False, "reason": "tritonserver is not running"},
        "access": {"tokens": 1, "tenants": 0, "jwt_keys": 1, "jwks_fault": ""},
        "models": [
            {"model": "m", "version": 1, "ready": True, "reason": ""},
            {"model": "m", "version": 2, "ready": False, "reason": "its Python process has died"},
        ],
    }


def test_the_status_is_that_of_now(admin):
    """Every answer shows the state at its time."""
    admin.state.triton_up, admin.state.triton_reason, admin.state.revision = True, "", 43
    document = admin.ask("GET", "/status").get_json()
    assert (document["triton"], document["revision"]) == ({"up": True, "reason": ""}, 43)


def test_a_fault_of_the_jwks_file_is_shown(admin, tmp_path):
    """Who looks at the status learns that the file is broken, and why."""
    (tmp_path / "jwks.json").write_text("{}")
    admin.source.take_effect()
    access = admin.ask("GET", "/status").get_json()["access"]
    assert access["jwks_fault"] == 'it is not JSON of the form {"keys": [{...}]}'
    assert access["jwt_keys"] == 1


def test_the_api_describes_itself(admin):
    """The OpenAPI document names every endpoint, its answers, and how to authenticate."""
    document = admin.ask("GET", "/openapi.json").get_json()
    assert document["info"] == {"title": "Seawall admin API", "version": control.__version__}
    rules = {
        rule.rule.replace("<", "{").replace(">", "}") for rule in admin.app.url_map.iter_rules()
    }
    assert set(document["paths"]) == rules - {"/admin/v1/openapi.json"}
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"401", "403", "405", "422"} <= set(operation["responses"])
            assert operation["operationId"].replace("_", "").isalpha()
            assert operation["summary"]
            assert "security" not in operation, "nothing is open"
