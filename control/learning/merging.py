"""Merges what several gateways have learned of one model, of one version or of several.

A gateway looks into so many requests a second, whatever its load: where they carry very different
traffic, a busy one counts for less than its share. Extremes and counts are not affected.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from control.learning.distinct import MOST_VALUES
from control.learning.sketches import merge_features
from control.learning.summary import (
    InputSummary,
    ParameterSummary,
    VersionSummary,
)

T = TypeVar("T")


def merge_versions(parts: Sequence[VersionSummary]) -> VersionSummary:
    """Merge summaries, of which there is at least one; raises ValueError on a broken one.

    The result carries the last one's model and version. Inputs that are not the same as its own
    are left out.
    """
    last = parts[-1]
    inputs = {
        name: merge_inputs([one for one in group if _is_same(one, group[-1])])
        for name, group in _grouped(part.inputs for part in parts).items()
    }
    parameters = _grouped(part.parameters for part in parts)
    return VersionSummary(
        model=last.model,
        version=last.version,
        requests=sum(part.requests for part in parts),
        sketched=sum(part.sketched for part in parts),
        batch_high=max(part.batch_high for part in parts),
        body_bytes_high=max(part.body_bytes_high for part in parts),
        inputs=inputs,
        parameters={name: _merge_parameters(group) for name, group in parameters.items()},
        more_parameters=any(part.more_parameters for part in parts),
        breaches=_added(part.breaches for part in parts),
    )


def merge_inputs(parts: Sequence[InputSummary]) -> InputSummary:
    """Merge what was learned of one input."""
    features = _grouped(part.features for part in parts)
    return InputSummary(
        datatype=parts[-1].datatype,
        dims=parts[-1].dims,
        requests=sum(part.requests for part in parts),
        features={name: merge_features(group) for name, group in features.items()},
        partly=sum(part.partly for part in parts),
        non_finite=sum(part.non_finite for part in parts),
        fractional=any(part.fractional for part in parts),
        no_text=sum(part.no_text for part in parts),
        uncounted=sum(part.uncounted for part in parts),
        distinct=_merge_distinct(parts),
    )


def _is_same(one: InputSummary, other: InputSummary) -> bool:
    return (one.datatype, one.dims) == (other.datatype, other.dims)


def _grouped(parts: Iterable[dict[str, T]]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = {}
    for part in parts:
        for name, one in part.items():
            groups.setdefault(name, []).append(one)
    return groups


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    return {name: sum(counts) for name, counts in _grouped(parts).items()}


def _merge_distinct(parts: Sequence[InputSummary]) -> list[tuple[int | str, int]] | None:
    counts: dict[int | str, int] = {}
    for part in parts:
        if part.distinct is None:
            return None
        for value, count in part.distinct:
            counts[value] = counts.get(value, 0) + count
    return list(counts.items()) if len(counts) <= MOST_VALUES else None


def _merge_parameters(parts: Sequence[ParameterSummary]) -> ParameterSummary:
    return ParameterSummary(
        kinds=_added(part.kinds for part in parts),
        low=_extreme(min, [part.low for part in parts]),
        high=_extreme(max, [part.high for part in parts]),
        longest=max(part.longest for part in parts),
    )


def _extreme(
    choose: Callable[[list[float]], float], values: Sequence[float | None]
) -> float | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None
