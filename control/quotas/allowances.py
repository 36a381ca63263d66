"""What one caller may use: its own quota and its tenant's, limit by limit."""

import enum
from collections.abc import Sequence
from typing import Final

from control.core.access import Identity, Quota
from control.quotas.rates import RateItem


class Kind(enum.Enum):
    """What a quota limits: a label, its key in a Quota, what is counted, and over how long.

    ``window_s`` is 0 for what is limited at any moment. ``unit`` is the quota unit as the draft of
    the RateLimit fields names it, empty for its default; tokens have no name in it yet.
    """

    CONCURRENT = ("concurrent", "concurrent", "concurrent requests", 0, "concurrent-requests")
    REQUESTS = ("requests", "requests_per_second", "requests per second", 1, "")
    BYTES = ("bytes", "bytes_per_minute", "bytes of request bodies per minute", 60, "content-bytes")
    TOKENS = ("tokens", "tokens_per_minute", "tokens per minute", 60, "tokens")

    def __init__(self, label: str, quota_key: str, in_words: str, window_s: int, unit: str) -> None:
        """Name the parts of a member's value."""
        self.label, self.quota_key, self.in_words = label, quota_key, in_words
        self.window_s, self.unit = window_s, unit

    __hash__ = object.__hash__  # members are single; an enum's own hash is slow


class Allowance:
    """One limit of one owner, counted under ``key``.

    ``path`` and ``owner`` say whose it is: for programs, and in words. ``policy`` is its item of
    the RateLimit-Policy field.
    """

    __slots__ = ("amount", "item", "key", "kind", "owner", "path", "policy")

    def __init__(self, kind: Kind, amount: int, path: str, owner: str, key: str) -> None:
        """Derive the rest from what is given."""
        self.kind, self.amount, self.path, self.owner, self.key = kind, amount, path, owner, key
        self.item = RateItem(key, amount, kind.window_s or 1)
        window = f";w={kind.window_s}" if kind.window_s else ""
        unit = f';qu="{kind.unit}"' if kind.unit else ""
        self.policy = f'"{kind.label}";q={amount}{window}{unit}'


class Plan:
    """All limits of one caller by kind, its own before its tenant's; ``quota`` is its own.

    They are taken in that order: a caller over its own limit must not use up its tenant's.
    """

    __slots__ = ("body_bytes", "concurrent", "kinds", "quota", "requests", "tokens")

    def __init__(self, identity: Identity, of_tenant: Quota) -> None:
        """List the limits of a caller whose tenant has the quota ``of_tenant``."""
        self.quota: Final = identity.quota
        tenant, subject = identity.tenant, identity.subject
        owners = [
            (identity.quota, "subject", subject, f"subject/{tenant!r}/{subject!r}"),
            (of_tenant, "tenant", tenant, f"tenant/{tenant!r}"),
        ]

        def allowances(kind: Kind) -> Sequence[Allowance]:
            return [
                Allowance(
                    kind,
                    amount,
                    f"quota.{what}.{kind.quota_key}",
                    f"{what} '{name}'",
                    f"{kind.label}/{key}",
                )
                for quota, what, name, key in owners
                if (amount := getattr(quota, kind.quota_key)) is not None
            ]

        self.concurrent: Final = allowances(Kind.CONCURRENT)
        self.requests: Final = allowances(Kind.REQUESTS)
        self.body_bytes: Final = allowances(Kind.BYTES)
        self.tokens: Final = allowances(Kind.TOKENS)
        every = (self.concurrent, self.requests, self.body_bytes, self.tokens)
        self.kinds: Final = [one for one in every if one]


def limits_nothing(quota: Quota) -> bool:
    """Whether a quota has no limit in it; allocates nothing."""
    return (
        quota.requests_per_second is None
        and quota.concurrent is None
        and quota.bytes_per_minute is None
        and quota.tokens_per_minute is None
    )
