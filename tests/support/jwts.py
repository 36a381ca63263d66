"""An issuer of JWTs: keys, their JWKS, and tokens signed with them."""

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

Jwk = dict[str, Any]


@cache
def _private_key(algorithm: str, number: int) -> Any:
    """One key for each algorithm and number: to make them takes long."""
    assert number >= 0
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """One signing key. ``number`` tells keys of the same algorithm apart."""

    def __init__(self, algorithm: str = "ES256", kid: str | None = "k", number: int = 0) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.key = _private_key(algorithm, number)

    def jwk(self, *, private: bool = False, **members: object) -> Jwk:
        """Its key as it stands in a JWKS."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        key = self.key if private else self.key.public_key()
        found: Jwk = kind.to_jwk(key, as_dict=True)  # type: ignore[call-overload]
        found.pop("key_ops", None)
        if self.kid is not None:
            found["kid"] = self.kid
        return {**found, **members}

    def sign(self, headers: Jwk | None = None, **claims: object) -> bytes:
        """Sign a token: that of ``me`` till the year 2033, unless claims say otherwise."""
        payload = {"sub": "me", "exp": 2_000_000_000, **claims}
        named = {} if self.kid is None else {"kid": self.kid}
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.key, self.algorithm, {**named, **(headers or {})}).encode()


def jwks(*entries: Issuer | Jwk) -> bytes:
    """A JWKS of these keys."""
    keys = [one.jwk() if isinstance(one, Issuer) else one for one in entries]
    return json.dumps({"keys": keys}).encode()
