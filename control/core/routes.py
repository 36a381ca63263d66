"""Which version of a model takes which share of its requests: what gateways are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from control.core.canary_policy import CanaryPolicy


@dataclass(frozen=True, slots=True)
class CanaryRoute:
    """A version that is tried out. ``rollout`` names the attempt: each has a name of its own.

    ``weight`` is the percent of requests that it answers, ``shadow`` the percent that it gets
    copies of.
    """

    rollout: str
    version: int
    weight: float
    shadow: float
    policy: CanaryPolicy


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests to a model go that name no version; one that names a version gets that.

    ``stable`` None is the newest ready version of ``live``. No other version is ever chosen for a
    request that names none, but for ``canary``, and for one of ``retired`` where none of ``live``
    is ready: a host may still have those loaded, and what has taken their place not yet.
    """

    stable: int | None
    live: frozenset[int]
    canary: CanaryRoute | None = None
    retired: frozenset[int] = frozenset()


#: By model. A model without a route is served as Triton would: by its newest ready version.
Routes = Mapping[str, Route]
NO_ROUTES: Final[Routes] = {}
