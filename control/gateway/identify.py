"""Who sends a request: API tokens and JWTs from the ``authorization`` header, to an identity."""

from collections.abc import Mapping
from typing import Final

from control.core.access import NOBODY, Access, Identity, TokenRecord, may_infer, may_see
from control.errors import Forbidden, Unauthenticated, UpstreamUnavailable
from control.identity.jwt_tokens import JwtRules, JwtVerifier
from control.identity.tokens import PREFIX, find_token, index_by_digest

_INVALID: Final = (("WWW-Authenticate", 'Bearer error="invalid_token"'),)
_BEARER: Final = b"bearer"


class Identifier:
    """Goes by the access that it has learned last. Any thread may ask."""

    def __init__(self, *, required: bool, jwt: JwtRules | None = None) -> None:
        """Without credentials: refuse where they are ``required``, else give ``NOBODY``."""
        self._required = required
        self._jwts = JwtVerifier(jwt or JwtRules())
        self._tokens: Mapping[bytes, TokenRecord] | None = None
        self._identities: dict[str, Identity] = {}

    def learn(self, access: Access) -> None:
        """Go by this access from now on."""
        self._jwts.learn(access.jwks)
        self._tokens, self._identities = index_by_digest(access.tokens.values()), {}

    def identify(self, headers: Mapping[bytes, bytes], now_s: float) -> Identity:
        """Give the caller's identity at ``now_s`` (wall clock); raises Unauthenticated.

        A bearer token that is presented must be right, also where none is required. Before the
        first ``learn`` none can be judged: that raises UpstreamUnavailable.
        """
        value = headers.get(b"authorization")
        if value is None:
            if self._required:
                message = "this needs a token: send it as 'Authorization: Bearer ...'"
                raise Unauthenticated(message)
            return NOBODY
        scheme, _, text = value.partition(b" ")
        if scheme.lower() != _BEARER:
            if self._required:
                message = "only tokens of the scheme Bearer are accepted"
                raise Unauthenticated(message)
            return NOBODY
        return self._judge(text.strip(), now_s)

    def _judge(self, text: bytes, now_s: float) -> Identity:
        tokens = self._tokens
        if tokens is None:
            message = "Seawall has just started and does not know its tokens yet"
            raise UpstreamUnavailable(message, retry_after_s=1)
        if not text.startswith(PREFIX):
            return self._jwts.verify(text, now_s)
        record = find_token(text, tokens)
        if record is None:
            message = "the token is not valid: it is unknown or was revoked"
            raise Unauthenticated(message, headers=_INVALID)
        if record.expires_s is not None and record.expires_s <= now_s:
            message = "the token has expired"
            raise Unauthenticated(message, headers=_INVALID)
        identity = self._identities.get(record.token_id)
        if identity is None:
            subject = f"token:{record.token_id}"
            identity = Identity(subject, record.tenant, record.scopes, record.quota)
            self._identities[record.token_id] = identity
        return identity


def authorize_infer(identity: Identity, model: str) -> None:
    """Let those pass who may send inferences to the model; raises Forbidden."""
    if not may_infer(identity, model):
        message = f"this token may not use model '{model}': it lacks the scope infer:{model}"
        raise Forbidden(message)


def authorize_sight(identity: Identity, model: str) -> None:
    """Let those pass who may know of the model; raises Forbidden."""
    if not may_see(identity, model):
        message = f"this token may not see model '{model}': infer:{model} or read would allow it"
        raise Forbidden(message)
