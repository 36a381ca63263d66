"""API tokens as texts."""

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.access import Identity, TokenRecord, may_administer, may_infer, may_read
from control.identity.tokens import find_token, index_by_digest, mint_token, operator_record

MINTED = mint_token()
RECORD = TokenRecord(MINTED.token_id, MINTED.digest, "n", "t", frozenset({"read"}))
TOKENS = index_by_digest([RECORD])


def test_a_token_is_a_prefix_an_id_and_256_secret_bits() -> None:
    """The form is recognisable, and the secret too long to be guessed."""
    assert re.fullmatch(r"sw_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", MINTED.text)
    assert MINTED.text.startswith(f"sw_{MINTED.token_id}_")


def test_only_a_hash_of_the_secret_is_kept() -> None:
    """What is kept tells nobody the token."""
    secret = MINTED.text.split("_", 2)[2]
    assert MINTED.digest == sha256(secret.encode()).digest()
    assert secret not in repr(MINTED)


def test_no_two_tokens_are_alike() -> None:
    """Ids and secrets are drawn anew each time."""
    drawn = [mint_token() for _ in range(100)]
    assert len({one.token_id for one in drawn}) == len({one.digest for one in drawn}) == 100


def test_the_right_text_finds_its_record() -> None:
    """A token proves what its record says."""
    assert find_token(MINTED.text.encode(), TOKENS) is RECORD


@given(st.integers(0, len(MINTED.text) - 1), st.integers(1, 127))
def test_no_other_character_will_do(place: int, shift: int) -> None:
    """A token with any one character changed is no token, unless it is in the fixed prefix."""
    text = bytearray(MINTED.text.encode())
    text[place] = (text[place] + shift) % 128
    if place >= len("sw_"):
        assert find_token(bytes(text), TOKENS) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_wrong_token(text: bytes) -> None:
    """Nothing that a client sends breaks the check, and nothing but the token passes."""
    assert find_token(text, TOKENS) is None
    assert find_token(b"sw_" + text, TOKENS) is None


@pytest.mark.parametrize("rest", ["", "x", "_", "=", " "])
def test_a_longer_or_shorter_text_is_wrong(rest: str) -> None:
    """The whole text counts: neither a part of it nor more than it passes."""
    text = MINTED.text.encode()
    assert find_token(text[:-1], TOKENS) is None
    if rest:
        assert find_token(text + rest.encode(), TOKENS) is None


def test_another_tokens_secret_is_wrong() -> None:
    """A secret opens nothing under another id."""
    other = mint_token()
    secret = other.text.split("_", 2)[2]
    assert find_token(f"sw_{MINTED.token_id}_{secret}".encode(), TOKENS) is None


def test_what_stands_in_for_no_token_opens_nothing() -> None:
    """Without a single token, not even the empty text is one."""
    for text in (b"", b"sw_", b"sw__", b"sw___", MINTED.text.encode()):
        assert find_token(text, {}) is None


def test_the_operators_token_opens_everything() -> None:
    """Whoever owns the machine may read, change and infer."""
    record = operator_record(MINTED)
    identity = Identity("token:x", record.tenant, record.scopes)
    assert may_read(identity)
    assert may_administer(identity)
    assert may_infer(identity, "any")
