"""JWTs, verified."""

import base64
import hmac
import json
import math
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from control.errors import Unauthenticated
from control.identity.jwt_tokens import JwtRules, JwtVerifier
from tests.support.jwts import Issuer, jwks

NOW_S = 1_900_000_000.0
ISSUER = Issuer("ES256")


def verifier(*entries: Any, **rules: str) -> JwtVerifier:
    """A verifier that knows the keys of these issuers."""
    made = JwtVerifier(JwtRules(**rules))
    made.learn(jwks(*(entries or (ISSUER,))))
    return made


VERIFIER = verifier()


def refusal(text: bytes, by: JwtVerifier = VERIFIER) -> str:
    """Why a token is refused, without the words that all refusals share."""
    with pytest.raises(Unauthenticated) as refused:
        by.verify(text, NOW_S)
    assert refused.value.headers == (("WWW-Authenticate", 'Bearer error="invalid_token"'),)
    quotes = len(text) > 20 and text.decode("latin-1") in refused.value.message
    assert not quotes, "a message shows no token"
    return refused.value.message.removeprefix("the JWT is not accepted: ")


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


def part(document: object) -> bytes:
    """One part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=")


CLAIMS = {"sub": "me", "exp": 2_000_000_000, "scope": "admin"}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "ES256K", "HS1"])
def test_an_unsigned_token_never_passes(algorithm: str) -> None:
    """Whatever a token calls its lack of a signature, it proves nothing."""
    unsigned = part({"alg": algorithm, "kid": "k"}) + b"." + part(CLAIMS) + b"."
    assert refusal(unsigned) == "its algorithm is not an accepted one"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_public_key_is_no_shared_secret(algorithm: str) -> None:
    """A token that is signed with what everybody knows, the public key, is refused."""
    public = ISSUER.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = part({"alg": algorithm, "kid": "k"}) + b"." + part(CLAIMS)
    digest = hmac.digest(public, signed, f"sha{algorithm[2:]}")
    forged = signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")
    assert refusal(forged) == "its algorithm is not an accepted one"


def test_a_key_of_another_kind_signs_nothing() -> None:
    """A token that claims an algorithm which does not fit the named key is refused."""
    assert refusal(Issuer("RS256").sign()) == "no known key signs it"
    assert refusal(Issuer("ES256", kid="other").sign()) == "no known key signs it"
    assert refusal(Issuer("ES256", number=1).sign()) == "its signature is wrong"


def test_a_changed_payload_breaks_the_signature() -> None:
    """Claims count only as they were signed."""
    header, _, signature = ISSUER.sign().split(b".")
    assert refusal(b".".join([header, part(CLAIMS), signature])) == "its signature is wrong"


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"crit": "exp"},
    ],
)
def test_a_header_that_demands_more_is_refused(header: dict[str, Any]) -> None:
    """What a token calls critical and is not understood here is no reason to look away."""
    head = {"alg": "ES256", "kid": "k", **header}
    _, payload, signature = ISSUER.sign().split(b".")
    assert refusal(b".".join([part(head), payload, signature])) == "it is malformed"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b".",
        b"..",
        b"a.b.c",
        b"\xff\xfe",
        b"e30.e30.",
        part({"alg": 3}) + b".e30.AA",
        part({"alg": "ES256", "kid": 3}) + b".e30.AA",
        base64.urlsafe_b64encode(b"[" * 5000) + b".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":"ES256","kid":"k","x":' + b"[" * 4000) + b".e30.AA",
        b"bearer",
    ],
)
def test_what_is_no_token_is_malformed(text: bytes) -> None:
    """Anything else is refused with one word, however it is built."""
    assert refusal(text) == "it is malformed"


def test_a_token_is_bounded() -> None:
    """A long token is refused before it is looked at."""
    assert refusal(b"x" * 8193) == "it has 8193 bytes; the limit is 8192"


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


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(text: bytes) -> None:
    """No bytes whatever break the verification, and none pass it."""
    refusal(text)
    header, payload, signature = ISSUER.sign().split(b".")
    encoded = base64.urlsafe_b64encode(text)
    for forged in ([encoded, payload, signature], [header, encoded, signature]):
        refusal(b".".join(forged))


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
