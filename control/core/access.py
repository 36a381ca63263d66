"""Who may call what, and how much: tokens, tenants, scopes and quotas, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: The tenant and subject of a caller without credentials, where none are asked for.
ANONYMOUS: Final = "anonymous"

#: Scopes. ``infer:<model>`` allows inference on one model, ``infer:*`` on all.
ADMIN: Final = "admin"
READ: Final = "read"
INFER: Final = "infer:"
INFER_ANY: Final = "infer:*"


@dataclass(frozen=True, slots=True)
class Quota:
    """What a token or a tenant may use; None is no limit.

    ``requests_per_second`` requests, ``tokens_per_minute`` of the model's own tokens,
    ``bytes_per_minute`` of request bodies, ``concurrent`` requests in flight.
    """

    requests_per_second: int | None = None
    tokens_per_minute: int | None = None
    bytes_per_minute: int | None = None
    concurrent: int | None = None


NO_QUOTA: Final = Quota()


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One API token as it is kept: never its secret, only the SHA-256 of it.

    ``expires_s`` is wall-clock seconds since the epoch; None is never.
    """

    token_id: str
    digest: bytes
    name: str
    tenant: str
    scopes: frozenset[str]
    expires_s: float | None = None
    quota: Quota = NO_QUOTA


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that a gateway decides access by.

    ``tokens`` by token id, ``tenants`` to their quotas, ``jwks`` the JSON of the key set that
    signs JWTs (empty: none is accepted).
    """

    tokens: Mapping[str, TokenRecord] = field(default_factory=dict)
    tenants: Mapping[str, Quota] = field(default_factory=dict)
    jwks: bytes = b""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller whose credentials are right. ``quota`` is its own; its tenant's comes on top."""

    subject: str
    tenant: str
    scopes: frozenset[str]
    quota: Quota = NO_QUOTA


def may_infer(identity: Identity, model: str) -> bool:
    """Whether the caller may send inferences to the model."""
    return INFER_ANY in identity.scopes or f"{INFER}{model}" in identity.scopes


def may_read(identity: Identity) -> bool:
    """Whether the caller may read Seawall's state."""
    return READ in identity.scopes or ADMIN in identity.scopes


def may_administer(identity: Identity) -> bool:
    """Whether the caller may change Seawall's state."""
    return ADMIN in identity.scopes
