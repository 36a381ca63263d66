"""Who may use the admin API."""

import time

import pytest

from tests.controller.admin.conftest import ISSUER

TOKEN = {"name": "n", "tenant": "t", "scopes": ["read"]}
PATHS = ["/status", "/tokens", "/tenants", "/openapi.json", "/tokens/00000000", "/none", ""]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_told_to_nobody(admin, method):
    """Without a token, every method on every path is refused alike: even what is not there."""
    for path in PATHS:
        answer = admin.ask(method, path, token="")
        assert (answer.status_code, answer.get_json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer sw_"},
        {"Authorization": "Basic b3BlcmF0b3I6b3BlcmF0b3I="},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Bearer a, Bearer b"},
        {"X-Authorization": "Bearer operator"},
    ],
)  # fmt: skip
def test_wrong_credentials_are_refused(admin, headers):
    """Whatever else stands there is no token."""
    answer = admin.ask("GET", "/status", token="", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_operators_token_opens_everything(admin, scheme):
    """The scheme's name is written as one likes."""
    headers = {"Authorization": f"{scheme} {admin.operator}"}
    assert admin.ask("GET", "/status", token="", headers=headers).status_code == 200
    assert admin.ask("POST", "/tokens", json=TOKEN).status_code == 201


@pytest.mark.parametrize(
    ("scopes", "reads", "changes"),
    [
        (["read"], 200, 403),
        (["admin"], 200, 201),
        (["infer:*"], 403, 403),
        (["infer:m", "read"], 200, 403),
    ],
)
def test_reading_needs_read_and_changing_needs_admin(admin, scopes, reads, changes):
    """API tokens and JWTs alike."""
    tokens = [admin.token_with(*scopes), ISSUER.sign(scope=" ".join(scopes)).decode()]
    for token in tokens:
        assert admin.ask("GET", "/tokens", token=token).status_code == reads
        answer = admin.ask("POST", "/tokens", token=token, json=TOKEN)
        assert answer.status_code == changes
        if changes == 403:
            assert answer.get_json()["code"] == "forbidden"


def test_a_token_that_may_not_change_learns_nothing_from_trying(admin):
    """A refusal comes before the body is looked at."""
    token = admin.token_with("read")
    answer = admin.ask("POST", "/tokens", token=token, data=b"{", content_type="text/plain")
    assert answer.status_code == 403


def test_revoked_and_expired_tokens_are_refused_at_once(admin):
    """The request after the revocation is refused."""
    token = admin.token_with("admin")
    token_id = token.split("_")[1]
    assert admin.ask("DELETE", f"/tokens/{token_id}", token=token).status_code == 204
    assert admin.ask("GET", "/status", token=token).status_code == 401
    expired = admin.token_with("admin", life_s=1.0, now_s=time.time() - 2.0)
    answer = admin.ask("GET", "/status", token=expired)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "the token has expired")


def test_answers_are_not_to_be_cached(admin):
    """What stands in an answer is for the caller alone."""
    for answer in (admin.ask("GET", "/tokens"), admin.ask("GET", "/tokens", token="")):
        assert answer.headers["Cache-Control"] == "no-store"
