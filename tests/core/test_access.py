"""Scopes, tenants and what they allow."""

import pytest

from control.core.access import (
    NOBODY,
    Identity,
    is_scope,
    is_tenant,
    may_administer,
    may_infer,
    may_read,
    may_see,
    may_see_all,
)


def whoever(*scopes: str) -> Identity:
    """An identity with these scopes."""
    return Identity("s", "t", frozenset(scopes))


@pytest.mark.parametrize(
    ("scopes", "infer", "read", "administer", "see", "see_all"),
    [
        ((), False, False, False, False, False),
        (("infer:m",), True, False, False, True, False),
        (("infer:n",), False, False, False, False, False),
        (("infer:*",), True, False, False, True, True),
        (("read",), False, True, False, True, True),
        (("admin",), False, True, True, True, True),
        (("infer:mm", "infer:M", "infer:"), False, False, False, False, False),
    ],
)  # fmt: skip
def test_a_scope_allows_what_it_says(scopes, infer, read, administer, see, see_all):
    """Inference needs a scope of its own; admin includes read; both let all models be seen."""
    identity = whoever(*scopes)
    assert may_infer(identity, "m") is infer
    assert may_read(identity) is read
    assert may_administer(identity) is administer
    assert may_see(identity, "m") is see
    assert may_see_all(identity) is see_all


def test_nobody_may_use_and_see_models_and_change_nothing():
    """Where no token is asked for, a caller without one has Triton's own rights."""
    assert may_infer(NOBODY, "m")
    assert may_see(NOBODY, "m")
    assert not may_administer(NOBODY)


@pytest.mark.parametrize("text", ["read", "admin", "infer:*", "infer:m", "infer:a.b-c_2:x@y+z"])
def test_known_scopes(text):
    """The four kinds of scopes, with any model's name."""
    assert is_scope(text)


@pytest.mark.parametrize(
    "text",
    ["", "Read", "write", "infer", "infer:", "infer:a*", "infer:a/b", "infer:a b", "read\n",
     "infer:\x00", "infer:ä", "infer:" + "x" * 129, " read"],
)  # fmt: skip
def test_anything_else_is_no_scope(text):
    """A pattern, a path or a typing error is no scope: it would allow less than meant."""
    assert not is_scope(text)


@pytest.mark.parametrize("text", ["acme", "a", "ann@acme.example", "auth0|5f7c", "x" * 128])
def test_tenants(text):
    """Plain names, and what issuers put into a subject."""
    assert is_tenant(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a/b", "a b", "-a", "a\n", "a\x00", "ä", "x" * 129]
)
def test_anything_else_is_no_tenant(text):
    """A tenant's name stands in paths and logs as it is."""
    assert not is_tenant(text)
