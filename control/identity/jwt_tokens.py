"""JWTs: told from wrong ones by signature, issuer, audience and time, and read as identities."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NoReturn

import jwt
import msgspec

from control.config import IdentitySettings
from control.core.access import Identity, is_scope, is_tenant
from control.errors import Unauthenticated
from control.identity.jwks import ALLOWED_ALGORITHMS, JwksFault, KeySet, read_key_set
from control.identity.verified_jwts import VerifiedJwts
from control.observability.logs import get_logger

_MAX_BYTES: Final = 8192
_MAX_SUBJECT: Final = 255
_MAX_SCOPES: Final = 256
#: Clocks of issuer and gateway differ a little: a token that begins this much later is taken.
_EARLY_S: Final = 5.0
_INVALID: Final = (("WWW-Authenticate", 'Bearer error="invalid_token"'),)

_log = get_logger("identity")


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a JWT must say of itself; an empty issuer or audience is not checked."""

    issuer: str = ""
    audience: str = ""
    tenant_claim: str = "tenant"


def jwt_rules(settings: IdentitySettings) -> JwtRules:
    """Give the rules that the settings set."""
    return JwtRules(settings.jwt_issuer, settings.jwt_audience, settings.jwt_tenant_claim)


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None


class _Refused(Exception):
    """The JWT is not accepted; the message says why without showing anything of it."""


class JwtVerifier:
    """Verifies JWTs by the keys that it has learned; any thread may ask."""

    def __init__(self, rules: JwtRules) -> None:
        """Accept none until ``learn``."""
        self._rules = rules
        self._verified = VerifiedJwts(KeySet())
        self._decoder = jwt.PyJWT(
            {
                # time comes in as now_s: exp and nbf are checked here
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": bool(rules.audience),
                "require": ["exp", "sub"],
            }
        )

    def learn(self, document: bytes) -> None:
        """Go by this JWKS from now on; what other keys have signed is forgotten."""
        if document == self._verified.keys.document:
            return
        try:
            keys = read_key_set(document) if document else KeySet()
        except JwksFault as fault:  # the controller publishes none such
            _log.error("published_jwks_ignored", reason=str(fault))
            return
        self._verified = VerifiedJwts(keys)

    def verify(self, text: bytes, now_s: float) -> Identity:
        """Give the identity that the JWT proves; raises Unauthenticated."""
        verified = self._verified  # its keys and its cache belong together
        fingerprint = sha256(text).digest()
        entry = verified.get(fingerprint)
        try:
            if entry is None:
                entry = self._read(text, verified.keys, now_s)
                verified.put(fingerprint, *entry)
            identity, expires_s = entry
            if expires_s <= now_s:
                _refuse("it has expired")
        except _Refused as reason:
            message = f"the JWT is not accepted: {reason}"
            raise Unauthenticated(message, headers=_INVALID) from None
        return identity

    def _read(self, text: bytes, keys: KeySet, now_s: float) -> tuple[Identity, float]:
        claims = self._decode(text, keys)
        expires_s = _time(claims, "exp")
        if "nbf" in claims and _time(claims, "nbf") > now_s + _EARLY_S:
            _refuse("it is not valid yet")
        subject, tenant = claims["sub"], claims.get(self._rules.tenant_claim, claims["sub"])
        if not (0 < len(subject) <= _MAX_SUBJECT and subject.isprintable()):
            _refuse(f"its sub is not a printable text of 1 to {_MAX_SUBJECT} characters")
        if not (isinstance(tenant, str) and is_tenant(tenant)):
            _refuse(f"neither its claim '{self._rules.tenant_claim}' nor its sub names a tenant")
        return Identity(f"jwt:{subject}", tenant, _scopes(claims)), expires_s

    def _decode(self, text: bytes, keys: KeySet) -> dict[str, Any]:
        if not keys.count:
            _refuse("none is accepted here")
        if len(text) > _MAX_BYTES:
            _refuse(f"it has {len(text)} bytes; the limit is {_MAX_BYTES}")
        try:
            header = _header(text)
            if header.alg not in ALLOWED_ALGORITHMS:
                _refuse("its algorithm is not an accepted one")
            key = keys.find(header.kid, header.alg)
            if key is None:
                _refuse("no known key signs it")
            return self._decoder.decode(
                text,
                key,
                algorithms=[header.alg],
                audience=self._rules.audience or None,
                issuer=self._rules.issuer or None,
            )
        except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            _refuse(_reason(error))


def _header(text: bytes) -> _Header:
    encoded = text.partition(b".")[0]
    padded = encoded + b"=" * (-len(encoded) % 4)
    return msgspec.json.decode(jwt.utils.base64url_decode(padded), type=_Header)


def _reason(error: Exception) -> str:
    """Name what the library found in words of our own: its words may quote the token."""
    match error:
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case jwt.InvalidIssuerError():
            return "its issuer is another"
        case jwt.InvalidAudienceError():
            return "it is meant for another audience"
        case jwt.MissingRequiredClaimError():
            return f"it lacks the claim '{error.claim}'"
        case jwt.exceptions.InvalidSubjectError():
            return "its sub is not a text"
        case _:
            return "it is malformed"


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(f"its {name} is not a number")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        _refuse(f"its {name} is not a time")
    return seconds


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """Keep the scopes that mean something here; tokens carry those of other services too."""
    given = claims.get("scope", "")
    named: Iterable[object] = given.split(" ") if isinstance(given, str) else given
    if not isinstance(named, list) or len(named) > _MAX_SCOPES:
        _refuse(f"its scope is neither a text nor a list, or names more than {_MAX_SCOPES}")
    return frozenset(one for one in named if isinstance(one, str) and is_scope(one))


def _refuse(reason: str) -> NoReturn:
    raise _Refused(reason)
