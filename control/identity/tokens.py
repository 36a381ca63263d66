"""API tokens: how one is made, what is kept of it, and how a right one is told from a wrong one."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from control.core.access import ADMIN, INFER_ANY, READ, TokenRecord

#: What every API token begins with, so that secret scanners and people know one when they see it.
PREFIX: Final = b"sw_"
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
#: A secret is 43 characters; more than this is not looked at.
_MAX_SECRET: Final = 128
#: Stands in for a token that does not exist, so that the same is computed for it.
_NO_TOKEN: Final = TokenRecord("", bytes(32), "", "", frozenset())

_OPERATOR: Final = "operator"


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A new token. ``text`` is the only place where its secret ever stands."""

    token_id: str
    digest: bytes
    text: str = field(repr=False)


def mint_token() -> MintedToken:
    """Draw a new token: a public id and 256 secret bits."""
    token_id = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    digest = sha256(secret.encode()).digest()
    return MintedToken(token_id, digest, f"{PREFIX.decode()}{token_id}_{secret}")


def operator_record(token: MintedToken) -> TokenRecord:
    """Give the record of the token that the launcher draws for whoever owns the machine."""
    scopes = frozenset({ADMIN, READ, INFER_ANY})
    return TokenRecord(token.token_id, token.digest, _OPERATOR, _OPERATOR, scopes)


def index_by_digest(records: Iterable[TokenRecord]) -> dict[bytes, TokenRecord]:
    """Lay records out for ``find_token``."""
    return {one.digest: one for one in records}


def find_token(text: bytes, by_digest: Mapping[bytes, TokenRecord]) -> TokenRecord | None:
    """Give the record of the token whose text this is; it may have expired.

    A wrong secret costs the same whatever is wrong with it. It is looked up by its hash, so that
    neither the id beside it nor the characters that it shares with a right one make a difference,
    and what is found, or stands in for it, is compared in constant time.
    """
    token_id, _, secret = text[len(PREFIX) :].partition(b"_")
    digest = sha256(secret[:_MAX_SECRET]).digest()
    record = by_digest.get(digest, _NO_TOKEN)
    same_secret = compare_digest(digest, record.digest)
    same_id = compare_digest(token_id, record.token_id.encode())
    return record if same_secret and same_id and record is not _NO_TOKEN else None
