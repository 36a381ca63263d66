"""Who sends a request, by its ``authorization`` header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.config import load_settings
from control.core.access import NOBODY, Access, Identity, Quota, TokenRecord
from control.errors import Forbidden, Unauthenticated, UpstreamUnavailable
from control.gateway.identify import (
    Identifier,
    authorize_infer,
    authorize_sight,
)
from control.identity.jwt_tokens import jwt_rules
from control.identity.tokens import mint_token
from tests.support.jwts import Issuer, jwks

NOW_S = 1_900_000_000.0
MINTED, LATER = mint_token(), mint_token()
QUOTA = Quota(concurrent=3)
SCOPES = frozenset({"infer:m"})
RECORD = TokenRecord(MINTED.token_id, MINTED.digest, "n", "acme", SCOPES, quota=QUOTA)
EXPIRING = TokenRecord(LATER.token_id, LATER.digest, "n", "acme", SCOPES, expires_s=NOW_S)
ISSUER = Issuer()
ACCESS = Access({RECORD.token_id: RECORD, EXPIRING.token_id: EXPIRING}, {}, jwks(ISSUER))


def identifier(*, required: bool) -> Identifier:
    """An identifier that knows two tokens and one key."""
    made = Identifier(required=required)
    made.learn(ACCESS)
    return made


OPEN, STRICT = identifier(required=False), identifier(required=True)


def bearer(text: str | bytes) -> dict[bytes, bytes]:
    """The headers that present a token."""
    return {b"authorization": b"Bearer " + (text.encode() if isinstance(text, str) else text)}


def refusal(by: Identifier, headers: dict[bytes, bytes], now_s: float = NOW_S) -> Unauthenticated:
    """How a caller is refused."""
    with pytest.raises(Unauthenticated) as refused:
        by.identify(headers, now_s)
    return refused.value


def test_without_credentials_it_depends() -> None:
    """Where none are required a caller is nobody; where they are, a refusal says how."""
    assert OPEN.identify({}, NOW_S) is NOBODY
    error = refusal(STRICT, {b"x-authorization": b"Bearer x"})
    assert error.headers == (("WWW-Authenticate", "Bearer"),)
    assert "Authorization: Bearer" in error.message


@pytest.mark.parametrize("value", [b"Basic dTpw", b"Digest x", b"", b" ", b"sw_0_x", b"Bearer\tx"])
def test_other_schemes_are_no_credentials(value: bytes) -> None:
    """They are ignored where none are required, and refused where they are."""
    headers = {b"authorization": value}
    assert OPEN.identify(headers, NOW_S) is NOBODY
    assert "Bearer" in refusal(STRICT, headers).message


@pytest.mark.parametrize("by", [OPEN, STRICT])
def test_an_api_token_is_its_record(by: Identifier) -> None:
    """Tenant, scopes and quota are the token's own."""
    identity = by.identify(bearer(MINTED.text), NOW_S)
    assert identity == Identity(f"token:{MINTED.token_id}", "acme", SCOPES, QUOTA)
    assert by.identify(bearer(MINTED.text), NOW_S) is identity


@pytest.mark.parametrize("value", [b"bearer ", b"BEARER ", b"Bearer   ", b"bEaReR "])
def test_the_scheme_is_written_as_one_likes(value: bytes) -> None:
    """RFC 9110: names of schemes do not depend on their case."""
    headers = {b"authorization": value + MINTED.text.encode() + b" "}
    assert STRICT.identify(headers, NOW_S).tenant == "acme"


@pytest.mark.parametrize("by", [OPEN, STRICT])
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "sw_",
        "sw__",
        "sw_" + "0" * 12 + "_" + "x" * 43,
        MINTED.text[:-1],
        MINTED.text + "x",
        MINTED.text + ", Bearer " + MINTED.text,
        MINTED.text.upper(),
        f"sw_{MINTED.token_id}_{LATER.text.split('_', 2)[2]}",
        "e30.e30.e30",
        "hunter2",
        "\x00",
        b"\xff",
    ],
)
def test_a_wrong_token_is_refused_also_where_none_is_needed(
    by: Identifier, text: str | bytes
) -> None:
    """Who shows a token means to be somebody: to go on as nobody would hide the mistake."""
    error = refusal(by, bearer(text))
    assert error.http_status == 401
    assert error.headers == (("WWW-Authenticate", 'Bearer error="invalid_token"'),)


def test_a_token_expires_at_its_second() -> None:
    """Before it is good, from then on it is refused with the reason."""
    assert STRICT.identify(bearer(LATER.text), NOW_S - 0.001).tenant == "acme"
    assert refusal(STRICT, bearer(LATER.text)).message == "the token has expired"


def test_a_revoked_token_is_refused_from_the_next_snapshot_on() -> None:
    """What is not in the access any longer opens nothing, though it was accepted before."""
    by = identifier(required=False)
    by.identify(bearer(MINTED.text), NOW_S)
    by.learn(Access({EXPIRING.token_id: EXPIRING}, {}, jwks(ISSUER)))
    assert "unknown or was revoked" in refusal(by, bearer(MINTED.text)).message


def test_a_jwt_is_verified_by_the_published_keys() -> None:
    """And is refused once they are gone."""
    by = identifier(required=True)
    text = ISSUER.sign(tenant="acme", scope="infer:*")
    assert by.identify(bearer(text), NOW_S) == Identity("jwt:me", "acme", frozenset({"infer:*"}))
    by.learn(Access())
    assert "none is accepted here" in refusal(by, bearer(text)).message


def test_before_it_has_learned_anything_no_token_is_wrong() -> None:
    """A gateway that has just started says 503, not 401: clients give a refused token up."""
    new = Identifier(required=False)
    assert new.identify({}, NOW_S) is NOBODY
    with pytest.raises(UpstreamUnavailable) as refused:
        new.identify(bearer(MINTED.text), NOW_S)
    assert refused.value.retry_after_s == 1


@given(st.binary(max_size=100), st.booleans())
def test_any_header_is_an_identity_or_a_refusal(value: bytes, prefixed: bool) -> None:
    """Nothing that a client sends breaks the check, and nothing but a token is somebody."""
    headers = bearer(value) if prefixed else {b"authorization": value}
    refusal(STRICT, headers)
    if prefixed:
        refusal(OPEN, headers)


def test_a_scope_for_one_model_opens_no_other() -> None:
    """The refusal names the scope that is missing."""
    identity = STRICT.identify(bearer(MINTED.text), NOW_S)
    authorize_infer(identity, "m")
    authorize_sight(identity, "m")
    with pytest.raises(Forbidden, match="it lacks the scope infer:n"):
        authorize_infer(identity, "n")
    with pytest.raises(Forbidden, match="infer:n or read"):
        authorize_sight(identity, "n")
    authorize_infer(NOBODY, "n")
    authorize_sight(Identity("s", "t", frozenset({"read"})), "n")


@pytest.mark.parametrize(
    ("required", "address", "asks"),
    [
        ("auto", "127.0.0.1:8000", False),
        ("auto", "127.8.8.8:8000", False),
        ("auto", "[::1]:8000", False),
        ("auto", "localhost:8000", False),
        ("auto", "0.0.0.0:8000", True),
        ("auto", "[::]:8000", True),
        ("auto", "10.0.0.1:8000", True),
        ("auto", "gateway.example:8000", True),
        ("always", "127.0.0.1:8000", True),
        ("never", "0.0.0.0:8000", False),
    ],
)
def test_whether_a_token_is_needed_is_a_setting(required: str, address: str, asks: bool) -> None:
    """By itself, only a gateway that others than this machine can reach asks for one."""
    flags = {"identity.required": required, "gateway.http": address}
    by = identifier(required=load_settings(None, {}, flags).asks_for_identity())
    if asks:
        refusal(by, {})
    else:
        assert by.identify({}, NOW_S) is NOBODY


def test_the_rules_for_jwts_are_settings() -> None:
    """Issuer, audience and the tenant's claim reach the verifier."""
    flags = {
        "identity.jwt_issuer": "https://id.example",
        "identity.jwt_audience": "seawall",
        "identity.jwt_tenant_claim": "org",
    }
    by = Identifier(required=True, jwt=jwt_rules(load_settings(None, {}, flags).identity))
    by.learn(ACCESS)
    good = ISSUER.sign(iss="https://id.example", aud="seawall", org="acme")
    assert by.identify(bearer(good), NOW_S).tenant == "acme"
    for claims in ({"iss": "https://id.example"}, {"aud": "seawall"}):
        refusal(by, bearer(ISSUER.sign(**claims)))
