"""``/admin/v1/models/{m}/breaker``."""

import pytest

from control.controller.contract_book import ContractState
from control.core.orders import order_for
from control.core.protection import BreakerMode
from control.link.events import BreakerReport, GuardReport, VersionGuards

BREAKER = "/models/m/breaker"
RESET = f"{BREAKER}/reset"


def in_force(admin, version: int):
    """The order that gateways get for a version."""
    return order_for(admin.source.current().orders, "m", version)


@pytest.mark.parametrize("mode", ["automatic", "forced_open", "disabled", "metrics_only"])
def test_a_mode_is_ordered_and_reaches_gateways(admin, mode):
    """When the answer is there, gateways follow it."""
    answer = admin.ask("PUT", BREAKER, json={"mode": mode, "version": 1, "reason": "a test"})
    expected = {"model": "m", "version": 1, "mode": mode, "resets": 0}
    assert (answer.status_code, answer.get_json()) == (200, expected)
    assert in_force(admin, 1).breaker is BreakerMode(mode)
    assert in_force(admin, 2).breaker is BreakerMode.AUTOMATIC
    first, second = admin.ask("GET", BREAKER).get_json()["versions"]
    assert (first["mode"], first["mode_in_force"]) == (mode, mode)
    assert (second["mode"], second["mode_in_force"]) == ("automatic", "automatic")
    (entry,) = admin.audited()
    assert (entry["action"], entry["after"]["breaker"], entry["reason"]) == (
        "breaker_ordered", mode, "a test",
    )  # fmt: skip


def test_a_mode_for_the_model_is_for_all_versions(admin):
    """A version that has a mode of its own keeps it."""
    admin.ask("PUT", BREAKER, json={"mode": "disabled", "version": 2})
    admin.ask("PUT", BREAKER, json={"mode": "forced_open"})
    document = admin.ask("GET", BREAKER).get_json()
    assert document["mode"] == "forced_open"
    assert [(one["mode"], one["mode_in_force"]) for one in document["versions"]] == [
        ("automatic", "forced_open"),
        ("disabled", "disabled"),
    ]


def test_a_reset_ends_an_order_and_the_past(admin):
    """The mode is automatic again, and each reset counts as one more."""
    admin.ask("PUT", BREAKER, json={"mode": "forced_open"})
    for resets in (1, 2):
        answer = admin.ask("POST", RESET, json={"reason": "mended"})
        assert (answer.status_code, answer.get_json()) == (
            200,
            {"model": "m", "version": None, "mode": "automatic", "resets": resets},
        )
        assert in_force(admin, 1).breaker_epoch == resets
    assert in_force(admin, 2).breaker is BreakerMode.AUTOMATIC
    assert [one["action"] for one in admin.audited()] == [
        "breaker_reset", "breaker_reset", "breaker_ordered",
    ]  # fmt: skip


def test_a_version_cannot_be_automatic_against_its_model(admin):
    """It would go on as ordered of the whole model: that is told, not passed over."""
    admin.ask("PUT", BREAKER, json={"mode": "forced_open"})
    for method, path, body in (
        ("POST", RESET, {"version": 1}),
        ("PUT", BREAKER, {"version": 1, "mode": "automatic"}),
    ):
        answer = admin.ask(method, path, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
        assert "forced_open is ordered of all versions of model 'm'" in answer.get_json()["error"]
    assert len(admin.audited()) == 1
    assert in_force(admin, 1).breaker_epoch == 0


def test_every_gateway_shows_its_breaker(admin, state):
    """State, rates, and when it will be tried again; with the contract's part."""
    document = b'{"document": {"breaker": {"sliding_window_size": 9}}, "tokenizers": {}}'
    state.contracts = {("m", 1): ContractState(document, "r1", "enforce")}
    breaker = BreakerReport("open", 60.0, None, 20, 3.5, "failure rate 60 %")
    admin.guards.hear(GuardReport("1", [VersionGuards("m", 1, breaker=breaker)]))
    first, second = admin.ask("GET", BREAKER).get_json()["versions"]
    assert first["contract"] == {"sliding_window_size": 9}
    assert first["gateways"] == [
        {
            "gateway": "1",
            "state": "open",
            "failure_rate_percent": 60.0,
            "slow_call_rate_percent": None,
            "calls": 20,
            "retry_after_s": 3.5,
            "reason": "failure rate 60 %",
        }
    ]
    assert (second["contract"], second["gateways"]) == (None, [])


@pytest.mark.parametrize("mode", ["open", "FORCED_OPEN", "", None, 1])
def test_an_unknown_mode_is_told_with_those_that_there_are(admin, mode):
    """Nothing is converted, and nothing changes."""
    answer = admin.ask("PUT", BREAKER, json={"mode": mode})
    (violation,) = answer.get_json()["violations"]
    assert (answer.status_code, violation["path"]) == (422, "mode")
    assert "'metrics_only'" in answer.get_json()["error"]
    assert admin.audited() == []


def test_a_mode_must_be_said(admin):
    """A body without one is no order."""
    assert admin.ask("PUT", BREAKER, json={}).status_code == 422
