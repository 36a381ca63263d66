"""What the admin API does with requests that are none."""

import sqlite3

import pytest
from sqlalchemy import event

GOOD = b'{"name": "n", "tenant": "t", "scopes": ["read"]}'
NESTED = b'{"a":' * 5_000 + b"1" + b"}" * 5_000


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"null", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"{}"', "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b'{"name": "\x00"}', "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (NESTED, "application/json", 400),
        (GOOD + b" " * 65_536, "application/json", 413),
        (GOOD, "text/plain", 415),
        (GOOD, "application/x-www-form-urlencoded", 415),
        (GOOD, None, 415),
        (b"{}", "application/json; charset=utf-8", 422),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(admin, body, content_type, status):
    """Form, depth, size, encoding and type are checked before anything is believed."""
    answer = admin.ask("POST", "/tokens", data=body, content_type=content_type)
    document = answer.get_json()
    assert answer.status_code == status
    assert document["code"] in {"malformed_request", "too_large", "invalid_input"}
    assert set(document) <= {"error", "code", "request_id", "violations"}
    assert admin.ask("GET", "/tokens").get_json() == {"tokens": []}


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allowed"),
    [
        ("GET", "", 404, "not_found", None),
        ("GET", "/nothing", 404, "not_found", None),
        ("GET", "//status", 404, "not_found", None),
        ("GET", "/status/", 404, "not_found", None),
        ("POST", "/status", 405, "method_not_allowed", "GET, HEAD"),
        ("DELETE", "/tokens", 405, "method_not_allowed", "GET, HEAD, POST"),
        ("OPTIONS", "/tokens", 405, "method_not_allowed", "GET, HEAD, POST"),
        ("TRACE", "/tokens/00000000", 405, "method_not_allowed", "DELETE, GET, HEAD"),
        ("PATCH", "/tenants/a/quota", 405, "method_not_allowed", "DELETE, GET, HEAD, PUT"),
    ],
)
def test_refusals_have_the_form_of_all_refusals(admin, method, path, status, code, allowed):
    """An error here is the same document as an error of the data plane."""
    answer = admin.ask(method, path)
    document = answer.get_json()
    assert (answer.status_code, document["code"]) == (status, code)
    assert isinstance(document["error"], str)
    assert answer.headers["X-Request-Id"] == document["request_id"]
    assert answer.headers.get("Allow") == allowed


@pytest.mark.parametrize(("given", "kept"), [("mine-1", True), ("x" * 200, False), ("ä", False)])
def test_the_clients_request_id_is_kept_where_it_can_be(admin, given, kept):
    """An id that cannot stand in a header or a log line is replaced."""
    answer = admin.ask("GET", "/nothing", headers={"x-request-id": given})
    assert (answer.get_json()["request_id"] == given) is kept


def test_a_failing_database_is_503(admin, capsys):
    """The client learns that it may try again, and nothing of the database."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    event.listen(admin.store._engine, "before_cursor_execute", fail)
    answer = admin.ask("GET", "/tokens")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "state_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "disk" not in answer.get_data(as_text=True)
    assert "disk I/O error" in capsys.readouterr().out


def test_what_nobody_foresaw_is_a_plain_500(admin, capsys):
    """The client sees no trace; the log has it under the request's id."""
    admin.state.versions = (None,)
    answer = admin.ask("GET", "/status", headers={"x-request-id": "r-1"})
    assert answer.status_code == 500
    assert answer.get_json() == {
        "error": "Seawall failed on this request",
        "code": "internal_error",
        "request_id": "r-1",
    }
    told = capsys.readouterr().out
    assert "r-1" in told
    assert "AttributeError" in told


def test_no_token_comes_into_the_log(admin, capsys):
    """Made, used, wrong, revoked: the log names ids, never secrets."""
    body = {"name": "n", "tenant": "t", "scopes": ["admin"]}
    created = admin.ask("POST", "/tokens", json=body).get_json()
    token, token_id = created["token"], created["about"]["token_id"]
    admin.ask("GET", "/status", token=token)
    admin.ask("GET", "/status", token=f"{token}x")
    admin.ask("POST", "/tokens", token=token, json={"name": token})
    admin.ask("DELETE", f"/tokens/{token_id}", token=token)
    admin.ask("GET", "/status", token=token)
    told = capsys.readouterr().out
    assert token_id in told
    for one in (token, admin.operator):
        assert one.split("_", 2)[2] not in told
