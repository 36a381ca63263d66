"""Who may call what, and how much: tokens, tenants, scopes and quotas, as plain values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: The tenant and subject of a caller without credentials, where none are asked for.
ANONYMOUS: Final = "anonymous"

#: Scopes. ``infer:<model>`` allows inference on one model, ``infer:*`` on all; whoever may send
#: requests of high priority has ``priority:high`` besides.
ADMIN: Final = "admin"
READ: Final = "read"
INFER: Final = "infer:"
INFER_ANY: Final = "infer:*"
PRIORITY_HIGH: Final = "priority:high"

#: What a scope may be, in the words of error messages.
SCOPES_IN_WORDS: Final = ("infer:<model>", INFER_ANY, PRIORITY_HIGH, READ, ADMIN)

#: How scopes and tenants are spelled: patterns that mean the same in every dialect. A tenant's
#: name also takes what stands in the subjects of JWTs (mail addresses, ``auth0|...``).
SCOPE_PATTERN: Final = r"^(read|admin|priority:high|infer:\*|infer:[!-)+-.0-~]{1,128})$"
TENANT_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._@|:+=~-]{0,127}$"
_SCOPE: Final = re.compile(SCOPE_PATTERN)
_TENANT: Final = re.compile(TENANT_PATTERN)


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


#: The caller without credentials.
NOBODY: Final = Identity(ANONYMOUS, ANONYMOUS, frozenset({INFER_ANY, PRIORITY_HIGH, READ}))


def is_scope(text: str) -> bool:
    """Whether this is a scope that Seawall knows."""
    return _SCOPE.fullmatch(text) is not None


def is_tenant(text: str) -> bool:
    """Whether a tenant may have this name."""
    return _TENANT.fullmatch(text) is not None


def may_infer(identity: Identity, model: str) -> bool:
    """Whether the caller may send inferences to the model."""
    return INFER_ANY in identity.scopes or f"{INFER}{model}" in identity.scopes


def may_be_high(identity: Identity) -> bool:
    """Whether the caller's requests may go before those of others."""
    return PRIORITY_HIGH in identity.scopes


def may_read(identity: Identity) -> bool:
    """Whether the caller may read Seawall's state."""
    return READ in identity.scopes or ADMIN in identity.scopes


def may_see_all(identity: Identity) -> bool:
    """Whether the caller may know of every model."""
    return may_read(identity) or INFER_ANY in identity.scopes


def may_see(identity: Identity, model: str) -> bool:
    """Whether the caller may know of the model: who may use it, or read everything."""
    return may_see_all(identity) or may_infer(identity, model)


def may_administer(identity: Identity) -> bool:
    """Whether the caller may change Seawall's state."""
    return ADMIN in identity.scopes
