"""JSON Web Key Sets: which public keys may sign JWTs, read from the operator's file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from jwt import PyJWK, PyJWTError

MAX_DOCUMENT_BYTES: Final = 256 * 1024
_MAX_KEYS: Final = 64
_MIN_RSA_BITS: Final = 2048

_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
#: Algorithms by key type and curve. All are asymmetric: who can verify must not be able to sign.
_ALGORITHMS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
ALLOWED_ALGORITHMS: Final = tuple(name for names in _ALGORITHMS.values() for name in names)
#: What is public in a key. Everything else stays in the file.
_PUBLIC: Final = ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y")

Jwk = dict[str, Any]


class JwksFault(Exception):
    """The document is no usable key set; the message says why."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """Verifying keys. ``document`` is their public JWKS, the same bytes for the same keys."""

    document: bytes = b""
    by_id: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    by_algorithm: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    count: int = 0

    def find(self, key_id: str | None, algorithm: str) -> Any:  # noqa: ANN401 - one class a type
        """Give the key that a JWT's header names; a JWT without ``kid`` must leave no choice."""
        if key_id is not None:
            return self.by_id.get((key_id, algorithm))
        keys = self.by_algorithm.get(algorithm, ())
        return keys[0] if len(keys) == 1 else None


def read_key_set(document: bytes) -> KeySet:
    """Read a JWKS; raises JwksFault. Keys for encryption are left out."""
    by_id: dict[tuple[str, str], Any] = {}
    by_algorithm: dict[str, tuple[Any, ...]] = {}
    kept: list[Jwk] = []
    for number, jwk in enumerate(_entries(document)):
        where = f"keys[{number}]"
        if jwk.get("use", "sig") != "sig":
            continue
        key, algorithms = _verifying_key(jwk, where)
        for algorithm in algorithms:
            by_algorithm[algorithm] = (*by_algorithm.get(algorithm, ()), key)
            if "kid" not in jwk:
                continue
            if (jwk["kid"], algorithm) in by_id:
                message = f"{where}: another key has the same kid"
                raise JwksFault(message)
            by_id[jwk["kid"], algorithm] = key
        kept.append({name: jwk[name] for name in _PUBLIC if name in jwk})
    if not kept:
        message = "it holds no key for signatures"
        raise JwksFault(message)
    return KeySet(msgspec.json.encode({"keys": kept}), by_id, by_algorithm, len(kept))


def _entries(document: bytes) -> list[Jwk]:
    if len(document) > MAX_DOCUMENT_BYTES:
        message = f"it has {len(document)} bytes; the limit is {MAX_DOCUMENT_BYTES}"
        raise JwksFault(message)
    try:
        entries = msgspec.json.decode(document, type=dict[str, Any])["keys"]
        keys = msgspec.convert(entries, type=list[Jwk])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, RecursionError) as error:
        message = 'it is not JSON of the form {"keys": [{...}]}'
        raise JwksFault(message) from error
    if len(keys) > _MAX_KEYS:
        message = f"it holds {len(keys)} keys; the limit is {_MAX_KEYS}"
        raise JwksFault(message)
    return keys


def _verifying_key(jwk: Jwk, where: str) -> tuple[Any, tuple[str, ...]]:
    """Give the key and the algorithms that it may be used with."""
    algorithms = _algorithms(jwk, where)
    if not isinstance(jwk.get("kid", ""), str):
        message = f"{where}: kid is not a text"
        raise JwksFault(message)
    public: Jwk = {name: jwk[name] for name in _PUBLIC if name in jwk}
    try:
        key = PyJWK(public, algorithms[0]).key
    except (PyJWTError, ValueError, TypeError, KeyError) as error:
        # The library's own words would show the key.
        message = f"{where}: it is no valid {jwk['kty']} key"
        raise JwksFault(message) from error
    bits = getattr(key, "key_size", _MIN_RSA_BITS)
    if jwk["kty"] == "RSA" and bits < _MIN_RSA_BITS:
        message = f"{where}: an RSA key of {bits} bits is too weak; {_MIN_RSA_BITS} is the least"
        raise JwksFault(message)
    return key, algorithms


def _algorithms(jwk: Jwk, where: str) -> tuple[str, ...]:
    kind = jwk.get("kty")
    curve = "" if kind == "RSA" else jwk.get("crv")
    fitting = _ALGORITHMS.get((str(kind), str(curve)))
    if fitting is None:
        message = (
            f"{where}: keys of kty {str(kind)[:16]!r} are not accepted; RSA, EC (P-256, P-384, "
            "P-521) and OKP (Ed25519) are"
        )
        raise JwksFault(message)
    declared = jwk.get("alg")
    if declared is None:
        return fitting
    if declared not in fitting:
        allowed = ", ".join(fitting)
        message = f"{where}: alg {str(declared)[:16]!r} does not fit the key; allowed: {allowed}"
        raise JwksFault(message)
    return (str(declared),)
