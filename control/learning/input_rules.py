"""What is proposed for the shape, the numbers and the drift of one input."""

from collections.abc import Mapping
from typing import Any, Final

from control.core.contract import ANY_SIZE
from control.core.number_rules import FLOATS
from control.learning.bounds import least_count, upper_count, value_bounds
from control.learning.changes import MISSING, Changes, Path
from control.learning.kinds import propose_kinds
from control.learning.sketches import count_of, deciles_of
from control.learning.summary import (
    VALUES,
    FeatureSummary,
    InputSummary,
    dim_feature,
)

#: Ten values to each of the ten bins: deciles of fewer are mostly chance.
_LEAST_FOR_DECILES: Final = 100
_NO_NUMBERS: Final = "elements that are no numbers were seen"


def propose_dims(changes: Changes, name: str, one: InputSummary) -> None:
    """Propose sizes for the dimensions that the model's config leaves free."""
    if ANY_SIZE not in one.dims:
        return
    sizes = [_dim(dim, one.features.get(dim_feature(place))) for place, dim in enumerate(one.dims)]
    path: Path = ("inputs", name, "dims")
    said = changes.get(path)
    if said is MISSING:
        changes.offer(path, sizes)
        return
    seen = [one.features.get(dim_feature(place)) for place in range(len(one.dims))]
    broken = [
        place
        for place, (limit, feature) in enumerate(zip(said, seen, strict=True))
        if feature is not None and not _admits(limit, feature)
    ]
    if broken:
        new = [sizes[place] if place in broken else limit for place, limit in enumerate(said)]
        places = ", ".join(f"{place}" for place in broken)
        changes.contradict(path, new, f"other sizes of dimension {places} were seen")


def propose_numbers(
    changes: Changes, name: str, one: InputSummary, breaches: Mapping[str, int]
) -> None:
    """Propose range, finiteness, wholeness and kinds of a numeric input's elements."""
    path: Path = ("inputs", name)
    values = one.features.get(VALUES)
    if values is None and not one.non_finite:
        return
    if one.datatype in FLOATS:
        saw = f"{one.non_finite} elements were not" if one.non_finite else ""
        changes.holds((*path, "finite"), saw)
        changes.holds((*path, "integer"), _why_not_whole(one, values))
    if one.non_finite or values is None:
        for key in ("min", "max", "values"):
            changes.contradict((*path, key), None, _NO_NUMBERS)
    elif not propose_kinds(changes, path, one, breaches):
        low, high = value_bounds(values.low, values.high, one.datatype)
        changes.at_least((*path, "min"), values.low, low)
        changes.at_most((*path, "max"), values.high, high)


def propose_drift(changes: Changes, name: str, one: InputSummary) -> None:
    """Renew the deciles that later traffic is compared with."""
    for feature, summary in one.features.items():
        if count_of(summary) >= _LEAST_FOR_DECILES:
            deciles = [_plain(value) for value in deciles_of(summary)]
            changes.renew(("drift", "inputs", name, feature), deciles)


def _why_not_whole(one: InputSummary, values: FeatureSummary | None) -> str:
    """Say why elements are not called whole numbers; empty where they are."""
    if one.fractional:
        return "elements with a fraction were seen"
    if one.non_finite or values is None:
        return _NO_NUMBERS
    return "it never changed" if values.low == values.high else ""


def _dim(dim: int, feature: FeatureSummary | None) -> int | dict[str, int]:
    if dim != ANY_SIZE or feature is None or not feature.high:
        return dim
    low, high = int(feature.low), int(feature.high)
    if low == high:
        return low
    least = least_count(low)
    return {"max": upper_count(high)} if least is None else {"min": 1, "max": upper_count(high)}


def _admits(limit: Any, feature: FeatureSummary) -> bool:  # noqa: ANN401 - as written by hand
    if isinstance(limit, Mapping):
        least, most = limit.get("min") or 0, limit.get("max")
        return bool(feature.low >= least and (most is None or feature.high <= most))
    if limit is None or limit == ANY_SIZE:
        return True
    return bool(feature.low == feature.high == limit)


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
