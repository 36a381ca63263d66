"""What a model's record means for those who serve it: where requests go, and what is loaded."""

from dataclasses import replace
from typing import Final

from control.core.canary_policy import Isolation
from control.core.rollout_phases import Phase
from control.core.rollout_record import ModelRecord, Rollout, VersionRecord
from control.core.routes import CanaryRoute, Route

_EVERYTHING: Final = 100.0
_WITH_TRAFFIC: Final = frozenset({Phase.SHADOWING, Phase.CANARY, Phase.PROMOTING})
_LOADED: Final = _WITH_TRAFFIC | {Phase.LOADING}
#: What has been rejected may have failed with the live version, and is not among these.
_VERIFIED_BESIDE: Final = _LOADED | {Phase.LIVE, Phase.ROLLED_BACK}
_TAKEN_OUT: Final = frozenset({Phase.REJECTED, Phase.ROLLED_BACK})


def under_way(record: ModelRecord) -> tuple[Rollout, VersionRecord] | None:
    """Give the rollout and its version; None where there is none."""
    if record.rollout is None:
        return None
    return record.rollout, record.versions[record.rollout.version]


def live_versions(record: ModelRecord) -> frozenset[int]:
    """Give the versions that are served for good, for as long as nothing takes their place."""
    return frozenset(n for n, one in record.versions.items() if one.phase is Phase.LIVE)


def retired_versions(record: ModelRecord) -> frozenset[int]:
    """Give the versions that have been served, and whose place another has taken."""
    return frozenset(n for n, one in record.versions.items() if one.phase is Phase.RETIRED)


def versions_kept(record: ModelRecord) -> frozenset[int]:
    """Give the versions whose copies are needed: those served, and the one under way."""
    current = under_way(record)
    live = live_versions(record)
    return live if current is None else live | {current[1].version}


def model_digests(record: ModelRecord, version: int) -> frozenset[str]:
    """Give the digests of what may lie beside a version where it is served; empty: anything may.

    It was verified with its own; and while it was live, with that of each version that got as far
    as to be loaded beside it.
    """
    own = record.versions[version]
    if not own.model_digest:
        return frozenset()
    later = {
        one.model_digest
        for one in record.versions.values()
        if one.phase in _VERIFIED_BESIDE and one.since_s >= own.since_s
    }
    return frozenset({own.model_digest} | later - {""})


def is_pin_moved(record: ModelRecord) -> bool:
    """Whether the version under way has been given all requests."""
    return record.rollout is not None and record.stable == record.rollout.version


def waits_for_order(rollout: Rollout, version: VersionRecord) -> bool:
    """Whether its requests cannot be split: no policy has a weight of 0, so nobody gave it any."""
    return version.phase is Phase.CANARY and not rollout.weight and not rollout.is_manual


def versions_in_main(record: ModelRecord) -> frozenset[int]:
    """Give the versions that the main tritonserver has to have loaded."""
    live = live_versions(record)
    current = under_way(record)
    if current is None:
        return live
    rollout, version = current
    here = rollout.isolation is Isolation.SAME_SERVER or version.phase is Phase.PROMOTING
    return live | {version.version} if here and version.phase in _LOADED else live


def versions_to_unload(record: ModelRecord, loaded: frozenset[int]) -> frozenset[int]:
    """Give those of the loaded versions that have to go.

    What answers until a live version is loaded would be lost with it: it stays. One that was taken
    out answers nobody, and may be what keeps the live one from being loaded.
    """
    surplus, live = loaded - versions_in_main(record), live_versions(record)
    if loaded & live or not live:
        return surplus
    taken_out = {n for n, one in record.versions.items() if one.phase in _TAKEN_OUT}
    return surplus & taken_out


def version_apart(record: ModelRecord) -> int | None:
    """Give the version that has to run in a tritonserver of its own; None where none has."""
    current = under_way(record)
    if current is None or is_pin_moved(record):
        return None
    rollout, version = current
    apart = rollout.isolation is Isolation.OWN_SERVER and version.phase in _LOADED
    return version.version if apart else None


def route_of(record: ModelRecord) -> Route:
    """Say where requests go.

    While a promoted version bakes it is still called as a canary, of all requests: what it fails on
    is answered by the version before, which takes over again at the first sign that it is bad. It
    is live by then: where the version before has died, the requests are its own.
    """
    route = Route(record.stable, live_versions(record), retired=retired_versions(record))
    current = under_way(record)
    if current is None or current[1].phase not in _WITH_TRAFFIC:
        return route
    rollout, version = current
    policy = rollout.policy
    shadow = policy.shadow.percent if version.phase is Phase.SHADOWING else 0.0
    if not is_pin_moved(record):
        canary = CanaryRoute(rollout.rollout, version.version, rollout.weight, shadow, policy)
        return replace(route, canary=canary)
    # Nobody calls the version before any more: there is nothing to compare durations with.
    judge = replace(policy.judge, max_duration_ratio=None)
    baking = replace(policy, judge=judge)
    canary = CanaryRoute(rollout.rollout, version.version, _EVERYTHING, 0.0, baking)
    live = route.live | {version.version}
    return replace(route, stable=record.previous, live=live, canary=canary)
