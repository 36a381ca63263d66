"""``/admin/v1/audit``."""

from datetime import UTC, datetime, timedelta

import pytest

BODY = {"name": "night batch", "tenant": "acme", "scopes": ["read"]}


def test_all_acts_are_in_the_trail(admin):
    """Tokens, quotas, orders: newest first, with who did it; what was refused is not."""
    token_id = admin.ask("POST", "/tokens", json=BODY).get_json()["about"]["token_id"]
    admin.ask("PUT", "/tenants/acme/quota", json={"concurrent": 2})
    admin.ask("DELETE", "/tenants/acme/quota")
    admin.ask("DELETE", "/tenants/acme/quota")
    admin.ask("DELETE", f"/tokens/{token_id}")
    admin.ask("PUT", "/models/m/breaker", json={"mode": "disabled"})
    document = admin.ask("GET", "/audit").get_json()
    assert [(one["action"], one["target"]) for one in document["entries"]] == [
        ("breaker_ordered", "models/m"),
        ("token_revoked", f"tokens/{token_id}"),
        ("quota_removed", "tenants/acme"),
        ("quota_set", "tenants/acme"),
        ("token_created", f"tokens/{token_id}"),
    ]
    assert document["next_before"] is None
    me = f"token:{admin.operator.split('_')[1]}"
    assert {(one["subject"], one["tenant"]) for one in document["entries"]} == {(me, "operator")}
    for one in document["entries"]:
        assert abs(datetime.now(UTC) - datetime.fromisoformat(one["at"])) < timedelta(minutes=1)


def test_the_trail_holds_no_secrets(admin):
    """Neither a token's text nor its hash."""
    secret = admin.ask("POST", "/tokens", json=BODY).get_json()["token"].split("_", 2)[2]
    text = admin.ask("GET", "/audit").get_data(as_text=True)
    assert secret not in text
    assert "digest" not in text


def test_pages_go_on_where_the_last_one_ended(admin):
    """Each entry once, until there are no more."""
    for number in range(1, 6):
        admin.ask("PUT", "/models/m/limits", json={"concurrency": number})
    seen: list[int] = []
    query: dict[str, int] | None = {"limit": 2}
    sizes = []
    while query is not None:
        page = admin.ask("GET", "/audit", query_string=query).get_json()
        seen += [one["after"]["concurrency"] for one in page["entries"]]
        sizes.append(len(page["entries"]))
        more = page["next_before"]
        query = None if more is None else {"limit": 2, "before": more}
    assert (seen, sizes) == ([5, 4, 3, 2, 1], [2, 2, 1])


def test_one_target_is_shown_alone(admin):
    """With all that lies below it."""
    admin.ask("PUT", "/tenants/acme/quota", json={"concurrent": 2})
    admin.ask("PUT", "/models/m/limits", json={"concurrency": 1})
    admin.ask("PUT", "/models/m/limits", json={"concurrency": 2, "version": 1})
    assert [one["target"] for one in admin.audited("models/m")] == [
        "models/m/versions/1",
        "models/m",
    ]
    assert [one["target"] for one in admin.audited("models/m/versions/1")] == [
        "models/m/versions/1"
    ]
    assert len(admin.audited("tenants")) == 1
    assert admin.audited("models/n") == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "x"),
        ("before", "0"),
        ("before", str(2**63)),
        ("target", ""),
        ("target", "a b"),
        ("target", "x" * 321),
    ],
)
def test_every_part_of_the_query_has_its_rule(admin, key, value):
    """A refusal names it."""
    answer = admin.ask("GET", "/audit", query_string={key: value})
    assert (answer.status_code, answer.get_json()["violations"][0]["path"]) == (422, key)


def test_nobody_changes_the_trail(admin):
    """There is no way to do it."""
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert admin.ask(method, "/audit", json={}).status_code == 405
