"""Verifiers of one issuer's tokens, and why they refuse."""

from typing import Any

import pytest

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
