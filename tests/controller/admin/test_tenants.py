"""``/admin/v1/tenants``."""

import pytest

NONE = dict.fromkeys(["requests_per_second", "tokens_per_minute", "bytes_per_minute", "concurrent"])
ACME = "/tenants/acme/quota"


def test_a_quota_is_set_shown_and_reaches_gateways(admin):
    """What was set is what is shown and what holds."""
    quota = {"requests_per_second": 5, "tokens_per_minute": 1000}
    answer = admin.ask("PUT", ACME, json=quota)
    assert (answer.status_code, answer.get_json()) == (200, {**NONE, **quota})
    assert admin.ask("GET", ACME).get_json() == {**NONE, **quota}
    held = admin.source.current().access.tenants["acme"]
    assert (held.requests_per_second, held.tokens_per_minute, held.concurrent) == (5, 1000, None)


def test_a_quota_is_set_whole(admin):
    """A limit that is not sent again is lifted."""
    admin.ask("PUT", ACME, json={"concurrent": 1, "bytes_per_minute": 7})
    assert admin.ask("PUT", ACME, json={"concurrent": 2}).get_json() == {**NONE, "concurrent": 2}


def test_a_removed_quota_is_gone(admin):
    """It limits nobody any longer, and can be removed only once."""
    admin.ask("PUT", ACME, json={"concurrent": 1})
    answer = admin.ask("DELETE", ACME)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert admin.source.current().access.tenants == {}
    for method in ("GET", "DELETE"):
        answer = admin.ask(method, ACME)
        assert (answer.status_code, answer.get_json()["error"]) == (
            404,
            "tenant 'acme' has no quota",
        )


def test_tenants_are_those_with_tokens_or_quotas(admin):
    """Each with the number of its tokens and its quota, by name."""
    admin.ask("PUT", "/tenants/zebra/quota", json={"concurrent": 1})
    for _ in range(2):
        admin.token_with("read")
    assert admin.ask("GET", "/tenants").get_json() == {
        "tenants": [
            {"tenant": "acme", "tokens": 2, "quota": None},
            {"tenant": "zebra", "tokens": 0, "quota": {**NONE, "concurrent": 1}},
        ]
    }


@pytest.mark.parametrize("tenant", ["ann@acme.example", "auth0|5f7c", "a.b-c_d~e", "anonymous"])
def test_a_tenant_may_be_the_subject_of_a_jwt(admin, tenant):
    """Also those who come without an API token can be limited."""
    path = f"/tenants/{tenant.replace('|', '%7C')}/quota"
    assert admin.ask("PUT", path, json={"concurrent": 1}).status_code == 200
    assert tenant in admin.source.current().access.tenants


@pytest.mark.parametrize("tenant", ["-x", "a b", "%00", "x" * 129, "ä", "%ff"])
def test_what_is_no_tenant_is_told_as_that(admin, tenant):
    """A name that no token could have is refused."""
    answer = admin.ask("PUT", f"/tenants/{tenant}/quota", json={"concurrent": 1})
    assert (answer.status_code, answer.get_json()["violations"][0]["path"]) == (422, "tenant")


@pytest.mark.parametrize("limit", sorted(NONE))
def test_every_limit_is_a_positive_whole_number(admin, limit):
    """Nothing else is taken for one; a limit of nothing is no limit at all, so it is refused."""
    for value in (0, -1, 1.5, "1", True, [], 10**16):
        answer = admin.ask("PUT", ACME, json={limit: value})
        assert (answer.status_code, answer.get_json()["violations"][0]["path"]) == (422, limit)
    assert admin.source.current().access.tenants == {}
