import re

from control.core.access import NO_QUOTA, Identity, Quota
from control.quotas.allowances import Kind, Plan, limits_nothing
from control.quotas.fields import Left, rate_limit_fields, whole_seconds

ALL = Quota(requests_per_second=50, tokens_per_minute=1000, bytes_per_minute=5000, concurrent=4)
CALLER = Identity("abc", "acme", frozenset(), ALL)

#: One item of a field, as RFC 9651 writes it with these parameters.
ITEM = re.compile(r'"[a-z]+"(;[a-z]+=(\d+|"[a-z-]+"))*')


def test_each_kind_of_limit_has_one_item() -> None:
    """The policy lists all kinds with quota, window and unit; the limits what is known of them."""
    plan = Plan(CALLER, Quota(requests_per_second=10))
    requests = plan.requests[1]
    left = {
        Kind.REQUESTS: Left(requests, 3, 0.2),
        Kind.CONCURRENT: Left(plan.concurrent[0], 2, 1.0),
        Kind.BYTES: Left(plan.body_bytes[0], -7, 12.1),
    }
    policy, limit = rate_limit_fields(plan, left)
    assert policy.split(", ") == [
        '"concurrent";q=4;qu="concurrent-requests"',
        '"requests";q=10;w=1',
        '"bytes";q=5000;w=60;qu="content-bytes"',
        '"tokens";q=1000;w=60;qu="tokens"',
    ]
    assert limit.split(", ") == ['"concurrent";r=2', '"requests";r=3;t=1', '"bytes";r=0;t=13']
    assert all(ITEM.fullmatch(item) for item in (policy + ", " + limit).split(", "))


def test_an_unmeasured_kind_shows_its_smaller_limit() -> None:
    """Of a caller's own and its tenant's limit, the policy names the one that can bind first."""
    plan = Plan(CALLER, Quota(tokens_per_minute=70))
    assert '"tokens";q=70;w=60' in rate_limit_fields(plan, {})[0]
    assert rate_limit_fields(plan, {})[1] == ""


def test_owners_are_kept_apart() -> None:
    """No two callers or tenants share a count, whatever their names are made of."""
    names = [("a", "b/c"), ("a/b", "c"), ("a'/'b", "c"), ("a", "b'/'c"), ("b", "a"), ("a", "b")]
    plans = [
        Plan(Identity(subject, tenant, frozenset(), ALL), ALL if tenant == "a" else NO_QUOTA)
        for tenant, subject in names
    ]
    own = {plan.requests[0].key for plan in plans}
    tenants = {plan.requests[1].key for plan in plans if len(plan.requests) > 1}
    assert len(own) == len(names)
    assert len(tenants) == 1
    assert own.isdisjoint(tenants)


def test_seconds_are_whole_and_never_none() -> None:
    """Retry-After is rounded up: who comes back in time must not come too early."""
    assert [whole_seconds(one) for one in (-1.0, 0.0, 0.1, 1.0, 1.01, 59.5)] == [1, 1, 1, 1, 2, 60]


def test_a_quota_without_limits_limits_nothing() -> None:
    """Any one limit makes it one, also a limit of nothing."""
    assert limits_nothing(Quota())
    for kind in Kind:
        assert not limits_nothing(Quota(**{kind.quota_key: 0}))
