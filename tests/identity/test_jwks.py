"""Key sets as documents."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from control.identity.jwks import ALLOWED_ALGORITHMS, JwksFault, read_key_set
from tests.support.jwts import Issuer, jwks

KINDS = ["RS256", "ES256", "ES384", "ES512", "EdDSA"]


def fault_of(document: bytes) -> str:
    """Why a document is refused."""
    with pytest.raises(JwksFault) as refused:
        read_key_set(document)
    return str(refused.value)


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_key_verifies_with_the_algorithms_of_its_kind(algorithm: str) -> None:
    """RSA keys may be used in six ways, the others in one; never in another key's way."""
    keys = read_key_set(jwks(Issuer(algorithm)))
    family = [name for name in ALLOWED_ALGORITHMS if name[:2] in ("RS", "PS")]
    wanted = family if algorithm == "RS256" else [algorithm]
    assert [name for name in ALLOWED_ALGORITHMS if keys.find("k", name) is not None] == wanted


def test_a_key_that_names_its_algorithm_is_used_with_no_other() -> None:
    """``alg`` narrows what a key may do."""
    keys = read_key_set(jwks(Issuer("RS256").jwk(alg="PS384")))
    assert keys.find("k", "PS384") is not None
    assert keys.find("k", "RS256") is None


def test_symmetric_algorithms_are_never_allowed() -> None:
    """Whoever can verify must not be able to sign."""
    assert not [name for name in ALLOWED_ALGORITHMS if name.startswith("HS") or name == "none"]
    assert "kty 'oct'" in fault_of(jwks({"kty": "oct", "k": "c2VjcmV0", "kid": "k"}))


def test_only_public_members_are_published() -> None:
    """A private key that stands in the file by mistake stays in the file."""
    private = Issuer("RS256").jwk(private=True, note="mine")
    assert "d" in private
    keys = read_key_set(jwks(private))
    (published,) = json.loads(keys.document)["keys"]
    assert set(published) == {"kty", "kid", "n", "e"}
    assert read_key_set(keys.document).document == keys.document


def test_keys_for_encryption_are_left_out() -> None:
    """A key that is meant for something else signs nothing."""
    keys = read_key_set(jwks(Issuer("ES256"), Issuer("RS256", kid="e").jwk(use="enc")))
    assert keys.count == 1
    assert "no key for signatures" in fault_of(jwks(Issuer("RS256").jwk(use="enc")))


def test_without_a_kid_there_must_be_no_choice() -> None:
    """A JWT that names no key is verified only where one key alone could have signed it."""
    first, second = Issuer("ES256", kid="a"), Issuer("ES256", kid="b", number=1)
    assert read_key_set(jwks(first)).find(None, "ES256") is not None
    both = read_key_set(jwks(first, second, Issuer("EdDSA", kid=None)))
    assert both.find(None, "ES256") is None
    assert both.find(None, "EdDSA") is not None
    assert both.find("c", "ES256") is None


def test_two_keys_of_one_name_are_a_fault() -> None:
    """Which of them signs must never depend on their order."""
    document = jwks(Issuer("ES256"), Issuer("ES256", number=1))
    assert fault_of(document) == "keys[1]: another key has the same kid"
    assert read_key_set(jwks(Issuer("ES256"), Issuer("EdDSA"))).count == 2


def weak_key() -> dict[str, Any]:
    """An RSA key that can be broken."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, "kty 'None'"),
        ({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, "kty 'EC'"),
        ({"kty": "OKP", "crv": "X25519", "x": "AA"}, "kty 'OKP'"),
        ({"kty": "RSA", "n": "AQAB"}, "no valid RSA key"),
        ({"kty": "RSA", "n": 3, "e": "AQAB"}, "no valid RSA key"),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, "no valid EC key"),
        ({"kty": ["RSA"], "n": "AQAB", "e": "AQAB"}, "kty"),
        (Issuer("ES256").jwk(kid=3), "kid is not a text"),
        (Issuer("ES256").jwk(alg="RS256"), "alg 'RS256' does not fit the key; allowed: ES256"),
        (Issuer("ES256").jwk(alg="HS256"), "alg 'HS256' does not fit"),
        (weak_key(), "1024 bits is too weak; 2048 is the least"),
    ],
)  # fmt: skip
def test_one_bad_key_is_a_fault_of_the_whole_set(entry: dict[str, Any], reason: str) -> None:
    """The fault says which key it is, and nothing of what is in it."""
    told = fault_of(jwks(Issuer("EdDSA", kid="good"), entry))
    assert told.startswith("keys[1]: ")
    assert reason in told


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b"null", b'{"keys": {}}', b'{"keys": [1]}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_key_set_is_told_as_that(document: bytes) -> None:
    """A file of another form is refused with the form that is wanted."""
    assert fault_of(document) == 'it is not JSON of the form {"keys": [{...}]}'


def test_a_key_set_is_bounded() -> None:
    """Neither its bytes nor its keys are without end."""
    assert "the limit is 262144" in fault_of(b" " * 300_000)
    assert "65 keys; the limit is 64" in fault_of(jwks(*[{"kty": "EC"}] * 65))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["keys", "kty", "crv", "kid", "alg", "use", "n", "e", "x", "y"]),
                inner,
                max_size=5,
            )
        ),
    )
)
def test_any_json_is_a_key_set_or_a_fault(tree: Any) -> None:
    """No document breaks the reading of it."""
    entry = tree if isinstance(tree, dict) else {"kty": tree}
    for document in (tree, {"keys": [entry]}, {"keys": [{"kty": "RSA", **entry}]}):
        with pytest.raises(JwksFault):
            read_key_set(json.dumps(document).encode())
