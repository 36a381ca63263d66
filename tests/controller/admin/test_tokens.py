"""``/admin/v1/tokens``."""

from datetime import UTC, datetime, timedelta

import pytest

BODY = {"name": "night batch", "tenant": "acme", "scopes": ["read", "infer:m"]}
NO_QUOTA = dict.fromkeys(
    ["requests_per_second", "tokens_per_minute", "bytes_per_minute", "concurrent"]
)


def create(admin, **fields: object):
    """Make a token, and give the whole answer."""
    answer = admin.ask("POST", "/tokens", json={**BODY, **fields})
    assert answer.status_code == 201, answer.get_data()
    return answer.get_json()


def refused(admin, /, **fields: object):
    """The violations of a token that is refused."""
    answer = admin.ask("POST", "/tokens", json={**BODY, **fields})
    document = answer.get_json()
    assert (answer.status_code, document["code"]) == (422, "invalid_input")
    return document


def test_a_token_is_shown_once_and_works(admin):
    """The answer to its making is the only one that holds its text."""
    created = create(admin)
    token, about = created["token"], created["about"]
    assert token.startswith(f"sw_{about['token_id']}_")
    assert admin.ask("GET", "/status", token=token).status_code == 200
    secret = token.split("_", 2)[2]
    for path in ("/tokens", f"/tokens/{about['token_id']}", "/tenants", "/status"):
        text = admin.ask("GET", path).get_data(as_text=True)
        assert secret not in text
        assert "digest" not in text


def test_a_token_is_shown_as_it_was_made(admin):
    """Listed and alone: name, tenant, scopes, times and quota."""
    about = create(admin)["about"]
    made = datetime.fromisoformat(about.pop("created_at"))
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
    assert about == {
        "token_id": about["token_id"],
        "name": "night batch",
        "tenant": "acme",
        "scopes": ["infer:m", "read"],
        "expires_at": None,
        "expired": False,
        "quota": NO_QUOTA,
    }
    (listed,) = admin.ask("GET", "/tokens").get_json()["tokens"]
    alone = admin.ask("GET", f"/tokens/{about['token_id']}").get_json()
    assert listed == alone == {**about, "created_at": alone["created_at"]}


def test_a_token_may_expire(admin):
    """Its life is counted from its making; an expired one is shown as that."""
    about = create(admin, expires_in_seconds=3600)["about"]
    life = datetime.fromisoformat(about["expires_at"]) - datetime.fromisoformat(about["created_at"])
    assert abs(life - timedelta(hours=1)) <= timedelta(seconds=1)
    admin.token_with("read", life_s=1.0)
    assert [one["expired"] for one in admin.ask("GET", "/tokens").get_json()["tokens"]] == [
        True,
        False,
    ]


def test_a_token_may_have_a_quota(admin):
    """Limits that are not given are none; a whole number may be written with a point."""
    about = create(admin, quota={"concurrent": 3, "requests_per_second": 10.0})["about"]
    assert about["quota"] == {**NO_QUOTA, "concurrent": 3, "requests_per_second": 10}
    record = admin.source.current().access.tokens[about["token_id"]]
    assert (record.quota.concurrent, record.quota.requests_per_second) == (3, 10)


def test_a_revoked_token_is_gone(admin):
    """It opens nothing, is not shown, and cannot be revoked again."""
    created = create(admin)
    path = f"/tokens/{created['about']['token_id']}"
    answer = admin.ask("DELETE", path)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert admin.ask("GET", "/status", token=created["token"]).status_code == 401
    for method in ("GET", "DELETE"):
        answer = admin.ask(method, path)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")
    assert admin.ask("GET", "/tokens").get_json() == {"tokens": []}


def test_the_operators_token_is_no_token_of_the_list(admin):
    """It belongs to the running Seawall: nobody can take it away by mistake."""
    assert admin.ask("GET", "/tokens").get_json() == {"tokens": []}
    assert admin.ask("DELETE", f"/tokens/{admin.operator.split('_')[1]}").status_code == 404


@pytest.mark.parametrize("scope", ["infer", "write", "infer:", "infer:a*", "READ", "", "infer:a b"])
def test_an_unknown_scope_is_told_with_those_that_there_are(admin, scope):
    """A typing error must not make a token that allows nothing."""
    document = refused(admin, scopes=["read", scope])
    assert (
        "scopes[1]: unknown scope; allowed are infer:<model>, infer:*, priority:high, read, admin"
        in (document["error"])
    )
    (violation,) = document["violations"]
    assert (violation["path"], violation["rule"], violation["got"]) == ("scopes[1]", "scope", scope)


@pytest.mark.parametrize(
    ("field", "value", "path", "rule"),
    [
        ("name", "", "name", "string_pattern_mismatch"),
        ("name", "x" * 65, "name", "string_pattern_mismatch"),
        ("name", "a\u0000b", "name", "string_pattern_mismatch"),
        ("name", "a\nb", "name", "string_pattern_mismatch"),
        ("name", "a\n", "name", "string_pattern_mismatch"),
        ("name", "\u202eevil", "name", "string_pattern_mismatch"),
        ("name", 3, "name", "string_type"),
        ("name", None, "name", "string_type"),
        ("tenant", "../x", "tenant", "string_pattern_mismatch"),
        ("tenant", "x" * 129, "tenant", "string_pattern_mismatch"),
        ("scopes", [], "scopes", "too_short"),
        ("scopes", ["read"] * 65, "scopes", "too_long"),
        ("scopes", "read", "scopes", "list_type"),
        ("scopes", {"read": True}, "scopes", "list_type"),
        ("expires_in_seconds", 0, "expires_in_seconds", "greater_than_equal"),
        ("expires_in_seconds", -1, "expires_in_seconds", "greater_than_equal"),
        ("expires_in_seconds", 10**12, "expires_in_seconds", "less_than_equal"),
        ("expires_in_seconds", 1.5, "expires_in_seconds", "int_type"),
        ("expires_in_seconds", "60", "expires_in_seconds", "int_type"),
        ("expires_in_seconds", True, "expires_in_seconds", "int_type"),
        ("quota", {"concurrent": 0}, "quota.concurrent", "greater_than_equal"),
        ("quota", {"concurrent": -5}, "quota.concurrent", "greater_than_equal"),
        ("quota", {"concurrent": 1e300}, "quota.concurrent", "less_than_equal"),
        ("quota", {"speed": 1}, "quota.speed", "extra_forbidden"),
        ("quota", [], "quota", "model_type"),
        ("admin", True, "admin", "extra_forbidden"),
    ],
)  # fmt: skip
def test_every_field_has_its_rule(admin, field, value, path, rule):
    """A refusal names the field, the rule, its limit and what was got."""
    document = refused(admin, **{field: value})
    (violation,) = document["violations"]
    assert (violation["path"], violation["rule"]) == (path, rule)
    assert set(violation) == {"path", "rule", "limit", "got"}
    assert path in document["error"]
    assert admin.ask("GET", "/tokens").get_json() == {"tokens": []}


def test_all_violations_are_told_at_once(admin):
    """Whoever mends a request mends it once."""
    answer = admin.ask("POST", "/tokens", json={"scopes": ["x", "y", "z"]})
    document = answer.get_json()
    paths = [one["path"] for one in document["violations"]]
    assert paths == ["name", "tenant", "scopes[0]", "scopes[1]", "scopes[2]"]
    assert document["violations"][0]["got"] == "nothing"
    assert document["error"].endswith("; and 1 more")


@pytest.mark.parametrize("token_id", ["x", "0" * 7, "0" * 65, "ABCDEF01", "0000000g", "%00", "..."])
def test_what_is_no_id_is_told_as_that(admin, token_id):
    """An id is lower-case hexadecimal."""
    answer = admin.ask("GET", f"/tokens/{token_id}")
    assert answer.status_code == 422
    assert answer.get_json()["violations"][0]["path"] == "token_id"
