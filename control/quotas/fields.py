"""The RateLimit fields of an answer, after draft-ietf-httpapi-ratelimit-headers-10.

``RateLimit-Policy`` lists the limits that apply (``q`` quota, ``w`` window in seconds, ``qu`` unit
where it is not requests), ``RateLimit`` what is left of them (``r`` remaining, ``t`` seconds until
there is more). There is one item for each kind of limit, for the tighter one of the caller's own
and its tenant's. The draft's registry has no unit for tokens: ours is ``tokens``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from control.quotas.allowances import Allowance, Kind, Plan


class Left(NamedTuple):
    """What is left of one limit, and in how many seconds there is more."""

    allowance: Allowance
    remaining: int
    more_in_s: float


def rate_limit_fields(plan: Plan, left: Mapping[Kind, Left]) -> tuple[str, str]:
    """Give the values of ``RateLimit-Policy`` and ``RateLimit``; the latter may be empty."""
    policies, limits = [], []
    for allowances in plan.kinds:
        one = left.get(allowances[0].kind)
        if one is None:
            policies.append(_smallest(allowances).policy)
            continue
        policies.append(one.allowance.policy)
        kind = one.allowance.kind
        time = f";t={whole_seconds(one.more_in_s)}" if kind.window_s else ""
        limits.append(f'"{kind.label}";r={max(one.remaining, 0)}{time}')
    return ", ".join(policies), ", ".join(limits)


def whole_seconds(seconds: float) -> int:
    """Round up; at least 1."""
    return max(1, math.ceil(seconds))


def _smallest(allowances: Sequence[Allowance]) -> Allowance:
    return min(allowances, key=lambda one: one.amount)
