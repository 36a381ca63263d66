"""``/admin/v1/models/{m}/limits``."""

import pytest

from control.controller.contract_book import ContractState
from control.core.orders import order_for
from control.link.events import AdmissionReport, GuardReport, MemoryReport, VersionGuards

NONE = dict.fromkeys(["concurrency", "max_concurrency", "max_queue_size", "deadline_ms"])
LIMITS = "/models/m/limits"


def order(admin, **body: object):
    """Order limits, and give the document."""
    answer = admin.ask("PUT", LIMITS, json=body)
    assert answer.status_code == 200, answer.get_data()
    return answer.get_json()


def in_force(admin, version: int):
    """The order that gateways get for a version."""
    return order_for(admin.source.current().orders, "m", version)


def test_without_orders_the_contract_is_shown_as_it_is(admin, state):
    """Each version with its contract's part, no orders, and nothing from gateways yet."""
    document = b'{"document": {"limits": {"batch": 4, "deadline_ms": 70}}, "tokenizers": {}}'
    state.contracts = {("m", 1): ContractState(document, "r1", "enforce")}
    nothing = {"order": NONE, "in_force": NONE, "gateways": []}
    assert admin.ask("GET", LIMITS).get_json() == {
        "model": "m",
        "order": NONE,
        "versions": [
            {"version": 1, "contract": {"batch": 4, "deadline_ms": 70}, **nothing},
            {"version": 2, "contract": None, **nothing},
        ],
    }


def test_an_order_is_shown_and_reaches_gateways(admin):
    """For all versions, and for one on top of that."""
    whole = {"deadline_ms": 100, "concurrency": 8}
    given = {**NONE, **whole}
    assert order(admin, **whole) == {"model": "m", "version": None, "limits": given}
    assert order(admin, version=2, deadline_ms=50)["limits"] == {**NONE, "deadline_ms": 50}
    first, second = admin.ask("GET", LIMITS).get_json()["versions"]
    assert (first["order"], first["in_force"]) == (NONE, given)
    assert (second["order"]["deadline_ms"], second["in_force"]) == (
        50,
        {**given, "deadline_ms": 50},
    )
    assert (in_force(admin, 1).deadline_ms, in_force(admin, 1).concurrency) == (100, 8)
    assert (in_force(admin, 2).deadline_ms, in_force(admin, 2).concurrency) == (50, 8)


def test_limits_are_ordered_whole(admin):
    """One that is not sent again is not ordered any longer."""
    order(admin, concurrency=8, max_queue_size=0)
    assert order(admin, max_concurrency=9)["limits"] == {**NONE, "max_concurrency": 9}


def test_an_order_is_taken_back(admin):
    """Once, for what it was given for; the breaker's and the cache's orders stay."""
    order(admin, concurrency=8)
    order(admin, version=1, concurrency=3)
    admin.ask("POST", "/models/m/breaker/reset", json={"version": 1})
    answer = admin.ask("DELETE", LIMITS, query_string={"version": 1})
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert (in_force(admin, 1).concurrency, in_force(admin, 1).breaker_epoch) == (8, 1)
    again = admin.ask("DELETE", LIMITS, query_string={"version": 1})
    assert (again.status_code, again.get_json()["error"]) == (
        404,
        "no limits are ordered of model 'm' version 1",
    )
    assert admin.ask("DELETE", LIMITS).status_code == 204
    assert in_force(admin, 1).concurrency is None


def test_orders_are_audited(admin):
    """Who, what, from what to what, and why."""
    order(admin, concurrency=8, version=2, reason="too slow tonight")
    admin.ask("DELETE", LIMITS, query_string={"version": 2, "reason": "it is day"})
    back, given = admin.audited()
    assert (given["action"], given["target"], given["reason"]) == (
        "limits_ordered", "models/m/versions/2", "too slow tonight",
    )  # fmt: skip
    assert (given["before"]["concurrency"], given["after"]["concurrency"]) == (None, 8)
    assert (given["subject"], given["tenant"]) == (
        f"token:{admin.operator.split('_')[1]}",
        "operator",
    )
    assert (back["action"], back["reason"]) == ("limits_taken_back", "it is day")
    assert (back["before"]["concurrency"], back["after"]["concurrency"]) == (8, None)


def test_every_gateway_shows_its_numbers(admin):
    """Limit, use and memory, for each process that has had a request for the version."""
    for gateway, memory in (("1", MemoryReport(100, 40, 60)), ("2", None)):
        guards = VersionGuards(
            "m", 1, AdmissionReport(8, 3, 2, {"delay": 4}, 12.5, None, 16.0), memory=memory
        )
        idle = VersionGuards("m", 2)
        admin.guards.hear(GuardReport(gateway, [guards, idle]))
    first, second = admin.ask("GET", LIMITS).get_json()["versions"]
    numbers = {
        "limit": 8, "in_flight": 3, "queued": 2, "shed": {"delay": 4},
        "rtt_ms": 12.5, "queue_ms": None, "useful_batch": 16.0,
    }  # fmt: skip
    assert first["gateways"] == [
        {
            "gateway": "1",
            **numbers,
            "memory": {"budget_bytes": 100, "reserved_bytes": 40, "used_bytes": 60},
        },
        {"gateway": "2", **numbers, "memory": None},
    ]
    assert second["gateways"] == []


@pytest.mark.parametrize(
    ("method", "part", "body"),
    [
        ("PUT", "limits", {"concurrency": 1}),
        ("DELETE", "limits", None),
        ("PUT", "breaker", {"mode": "disabled"}),
        ("PUT", "breaker", {"mode": "automatic"}),
        ("POST", "breaker/reset", {}),
        ("DELETE", "cache", None),
    ],
)
def test_an_unknown_model_or_version_is_not_found(admin, method, part, body):
    """Nothing is kept for it, and nothing is audited."""
    nine = {"json": {**body, "version": 9}} if body is not None else {}
    for path, request in (
        (f"/models/no/{part}", {"json": body} if body is not None else {}),
        (f"/models/m/{part}", nine or {"query_string": {"version": 9}}),
    ):
        answer = admin.ask(method, path, **request)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "model_not_found")
    assert "no model 'm' version 9; its versions are: 1, 2" in answer.get_json()["error"]
    assert admin.store.load_directives(0.0).orders == ()
    assert admin.store.audit.load(10) == []


@pytest.mark.parametrize("part", ["limits", "breaker", "cache"])
def test_an_unknown_model_is_not_shown(admin, part):
    """The message names it."""
    answer = admin.ask("GET", f"/models/no/{part}")
    assert (answer.status_code, answer.get_json()["error"]) == (404, "there is no model 'no'")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("concurrency", 0, "greater_than_equal"),
        ("concurrency", 100_001, "less_than_equal"),
        ("concurrency", "8", "int_type"),
        ("concurrency", True, "int_type"),
        ("max_concurrency", 0, "greater_than_equal"),
        ("max_queue_size", -1, "greater_than_equal"),
        ("deadline_ms", 0, "greater_than_equal"),
        ("deadline_ms", 3_600_001, "less_than_equal"),
        ("deadline_ms", 1.5, "int_type"),
        ("version", 0, "greater_than_equal"),
        ("version", 2**63, "less_than_equal"),
        ("reason", "x" * 501, "string_too_long"),
        ("reason", "a\nb", "string_pattern_mismatch"),
        ("reason", "\u001b[31m", "string_pattern_mismatch"),
        ("reason", "\u202eevil", "string_pattern_mismatch"),
        ("reason", None, "string_type"),
        ("speed", 1, "extra_forbidden"),
    ],
)
def test_every_field_has_its_rule(admin, field, value, rule):
    """A refusal names the field and the rule; nothing changes."""
    answer = admin.ask("PUT", LIMITS, json={field: value})
    (violation,) = answer.get_json()["violations"]
    assert (answer.status_code, violation["path"], violation["rule"]) == (422, field, rule)
    assert admin.store.audit.load(10) == []


def test_a_reader_changes_nothing(admin):
    """Whoever may only read sees limits, breakers, caches and the trail, and orders nothing."""
    reader = admin.token_with("read")
    parts = {"limits": "PUT", "breaker": "PUT", "cache": "DELETE"}
    for part, method in parts.items():
        assert admin.ask("GET", f"/models/m/{part}", token=reader).status_code == 200
        assert admin.ask(method, f"/models/m/{part}", token=reader, json={}).status_code == 403
    assert admin.ask("POST", "/models/m/breaker/reset", token=reader, json={}).status_code == 403
    assert admin.ask("GET", "/audit", token=reader).status_code == 200
