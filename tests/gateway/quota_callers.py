"""Callers with quotas."""

from control.core.access import Identity, Quota


def caller(subject: str = "abc", tenant: str = "acme", **quota: int) -> Identity:
    """Somebody with a quota."""
    return Identity(subject, tenant, frozenset(), Quota(**quota))
