"""What a signed JWT proves, and for how long."""

import json
import math
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import Unauthenticated
from control.identity.jwt_tokens import JwtRules, JwtVerifier
from tests.identity.jwt_refusals import ISSUER, NOW_S, VERIFIER, refusal, verifier
from tests.support.jwts import Issuer, jwks


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
def test_a_signed_token_is_an_identity(algorithm: str) -> None:
    """Each asymmetric algorithm proves subject, tenant and scopes."""
    issuer = Issuer(algorithm)
    text = issuer.sign(sub="ann", tenant="acme", scope="infer:m read")
    identity = verifier(issuer).verify(text, NOW_S)
    assert (identity.subject, identity.tenant) == ("jwt:ann", "acme")
    assert identity.scopes == {"infer:m", "read"}


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        (None, set()),
        ("", set()),
        ("openid profile infer:*", {"infer:*"}),
        (["read", "offline", 3, None], {"read"}),
        ("Read ADMIN infer: infer", set()),
        ("infer:a,read", {"infer:a,read"}),
    ],
)
def test_scopes_of_other_services_mean_nothing_here(scope: object, scopes: set[str]) -> None:
    """Tokens carry scopes for several services; only those that Seawall knows are kept."""
    assert VERIFIER.verify(ISSUER.sign(scope=scope), NOW_S).scopes == scopes


@pytest.mark.parametrize(
    ("claims", "tenant"),
    [
        ({"tenant": "acme"}, "acme"),
        ({}, "me"),
        ({"sub": "auth0|5f7c", "tenant": None}, "auth0|5f7c"),
        ({"sub": "ann@acme.example"}, "ann@acme.example"),
    ],
)
def test_a_token_without_a_tenant_is_its_own(claims: dict[str, Any], tenant: str) -> None:
    """The tenant is the claim's, or else the subject itself."""
    assert VERIFIER.verify(ISSUER.sign(**claims), NOW_S).tenant == tenant


def test_the_tenants_claim_can_be_chosen() -> None:
    """Issuers name it differently."""
    by = verifier(tenant_claim="org")
    assert by.verify(ISSUER.sign(org="acme", tenant="other"), NOW_S).tenant == "acme"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW_S}, "it has expired"),
        ({"exp": NOW_S - 1}, "it has expired"),
        ({"exp": None}, "it lacks the claim 'exp'"),
        ({"exp": "2033"}, "its exp is not a number"),
        ({"exp": True}, "its exp is not a number"),
        ({"exp": math.inf}, "its exp is not a time"),
        ({"exp": 10**400}, "its exp is not a time"),
        ({"nbf": NOW_S + 60}, "it is not valid yet"),
        ({"nbf": []}, "its nbf is not a number"),
        ({"sub": None}, "it lacks the claim 'sub'"),
        ({"sub": ""}, "its sub is not a printable text of 1 to 255 characters"),
        ({"sub": "a\nb"}, "its sub is not a printable text of 1 to 255 characters"),
        ({"sub": "x" * 256}, "its sub is not a printable text of 1 to 255 characters"),
        ({"sub": "two words"}, "neither its claim 'tenant' nor its sub names a tenant"),
        ({"tenant": "../x"}, "neither its claim 'tenant' nor its sub names a tenant"),
        ({"tenant": ["acme"]}, "neither its claim 'tenant' nor its sub names a tenant"),
        ({"scope": {"infer:*": True}}, "its scope is neither a text nor a list"),
        ({"scope": 1}, "its scope is neither a text nor a list"),
        ({"scope": ["x"] * 257}, "its scope is neither a text nor a list, or names more than 256"),
        ({"jti": 3}, "it is malformed"),
    ],
)
def test_a_signed_token_can_still_be_wrong(claims: dict[str, Any], reason: str) -> None:
    """Every claim that counts is checked for its form, and the refusal says which."""
    assert refusal(ISSUER.sign(**claims)).startswith(reason)


def test_clocks_may_differ_a_little() -> None:
    """A token that begins within seconds is taken: the issuer's clock may be ahead."""
    assert VERIFIER.verify(ISSUER.sign(nbf=NOW_S + 4, iat=NOW_S + 4), NOW_S).tenant == "me"


def test_a_subject_that_is_no_text_is_refused() -> None:
    """Signed by hand: the library would not sign such a token."""
    payload = json.dumps({"sub": 3, "exp": 2e9}).encode()
    text = jwt.PyJWS().encode(payload, ISSUER.key, "ES256", {"kid": "k"})
    assert refusal(text.encode()) == "its sub is not a text"


@pytest.mark.parametrize("claims", [b"[]", b"3", b"{", b"", b"\xff", b"[" * 5000])
def test_a_signed_payload_that_is_no_object_is_refused(claims: bytes) -> None:
    """A signature makes no token of something else."""
    text = jwt.PyJWS().encode(claims, ISSUER.key, "ES256", {"kid": "k"})
    assert refusal(text.encode()) == "it is malformed"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "it lacks the claim 'iss'"),
        ({"iss": "https://other.example"}, "its issuer is another"),
        ({"iss": "https://id.example"}, "it lacks the claim 'aud'"),
        ({"iss": "https://id.example", "aud": "shop"}, "it is meant for another audience"),
        ({"iss": "https://id.example", "aud": ["shop"]}, "it is meant for another audience"),
        ({"iss": "https://id.example", "aud": 3}, "it is meant for another audience"),
    ],
)
def test_issuer_and_audience_count_when_set(claims: dict[str, Any], reason: str) -> None:
    """A token that was issued by or for others opens nothing."""
    by = verifier(issuer="https://id.example", audience="seawall")
    assert refusal(ISSUER.sign(**claims), by) == reason
    good = ISSUER.sign(iss="https://id.example", aud=["shop", "seawall"])
    assert by.verify(good, NOW_S).subject == "jwt:me"


def test_issuer_and_audience_that_are_not_set_do_not_count() -> None:
    """Without the settings, a token may say what it likes there."""
    assert VERIFIER.verify(ISSUER.sign(iss="x", aud="y"), NOW_S).subject == "jwt:me"


def test_without_keys_no_token_is_accepted() -> None:
    """Where no JWKS is set, a JWT opens nothing."""
    by = JwtVerifier(JwtRules())
    assert refusal(ISSUER.sign(), by) == "none is accepted here"
    by.learn(jwks(ISSUER))
    by.verify(ISSUER.sign(), NOW_S)
    by.learn(b"")
    assert refusal(ISSUER.sign(), by) == "none is accepted here"


def test_a_verified_token_still_expires() -> None:
    """A token that was accepted before is refused from its exp on."""
    by, text = verifier(), ISSUER.sign(exp=NOW_S + 10)
    assert by.verify(text, NOW_S) is by.verify(text, NOW_S + 9.9)
    with pytest.raises(Unauthenticated, match="it has expired"):
        by.verify(text, NOW_S + 10)


def test_new_keys_forget_what_old_ones_signed() -> None:
    """A token of a key that was taken out is refused at once, though it was accepted before."""
    by, text = verifier(), ISSUER.sign()
    first = by.verify(text, NOW_S)
    by.learn(by._verified.keys.document)
    assert by.verify(text, NOW_S) is first, "the same keys forget nothing"
    by.learn(jwks(Issuer("ES256", number=1)))
    assert refusal(text, by) == "its signature is wrong"


def test_a_broken_published_set_changes_nothing() -> None:
    """Should the controller ever publish one, gateways go on with the keys that they have."""
    by = verifier()
    by.learn(b"{")
    assert by.verify(ISSUER.sign(), NOW_S).subject == "jwt:me"


def test_verified_tokens_are_remembered_up_to_a_bound() -> None:
    """Tokens beyond the bound push out those used least recently, and are verified anew."""
    issuer = Issuer("EdDSA")
    by = verifier(issuer)
    kept, lost = issuer.sign(sub="kept"), issuer.sign(sub="lost")
    first, other = by.verify(kept, NOW_S), by.verify(lost, NOW_S)
    for number in range(4095):
        by.verify(kept, NOW_S)
        by.verify(issuer.sign(sub=f"s{number}"), NOW_S)
    assert by.verify(kept, NOW_S) is first
    assert by.verify(lost, NOW_S) is not other
    assert len(by._verified._entries) == 4096


@given(
    st.dictionaries(
        st.sampled_from(["sub", "exp", "nbf", "scope", "tenant", "iss", "aud", "jti"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_any_signed_claims_are_an_identity_or_a_refusal(claims: dict[str, Any]) -> None:
    """An issuer may sign what it likes: the outcome is an identity or a plain refusal."""
    payload = json.dumps({"sub": "me", "exp": 2e9, **claims}).encode()
    text = jwt.PyJWS().encode(payload, ISSUER.key, "ES256", {"kid": "k"}).encode()
    try:
        identity = VERIFIER.verify(text, NOW_S)
    except Unauthenticated:
        return
    assert identity.subject
    assert identity.tenant
