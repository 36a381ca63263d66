"""JWTs that nobody signed, or not as they are."""

import base64
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.identity.jwt_refusals import ISSUER, refusal
from tests.support.jwts import Issuer


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


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(text: bytes) -> None:
    """No bytes whatever break the verification, and none pass it."""
    refusal(text)
    header, payload, signature = ISSUER.sign().split(b".")
    encoded = base64.urlsafe_b64encode(text)
    for forged in ([encoded, payload, signature], [header, encoded, signature]):
        refusal(b".".join(forged))
