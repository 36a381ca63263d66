"""What has been learned of one model version, as plain values that travel and merge.

No request is kept: sketches, extremes, counts, and a few values that repeat.
"""

from typing import Final

import msgspec

#: Names of features; ``dim0``, ``dim1``, ... are the sizes of dimensions that the config leaves
#: free, without the batch.
VALUES: Final = "values"
BYTES_LENGTH: Final = "bytes"
CHARS: Final = "chars"
TOKENS: Final = "tokens"


def dim_feature(place: int) -> str:
    """Name the feature of one dimension."""
    return f"dim{place}"


class FeatureSummary(msgspec.Struct, frozen=True):
    """One measured quantity: a serialized sketch of a sample, and the exact extremes.

    ``low`` and ``high`` are of everything that was measured, which may be more than the sample.
    """

    sketch: bytes
    low: int | float
    high: int | float


class InputSummary(msgspec.Struct, frozen=True):
    """One input. ``requests`` are those sketched that carried it.

    ``partly`` of them were too large to be measured whole. ``non_finite`` elements were no
    numbers or infinite, ``fractional`` says whether any had a fraction. ``no_text`` elements were
    not UTF-8, ``uncounted`` were too long for their characters to be counted. ``distinct`` pairs
    values with how often they came; None once there were too many, or where some went unseen.
    """

    datatype: str
    dims: tuple[int, ...]
    requests: int
    features: dict[str, FeatureSummary]
    partly: int = 0
    non_finite: int = 0
    fractional: bool = False
    no_text: int = 0
    uncounted: int = 0
    distinct: list[tuple[int | str, int]] | None = None


class ParameterSummary(msgspec.Struct, frozen=True):
    """One request parameter. ``kinds`` counts its JSON types; ``longest`` is of strings, chars."""

    kinds: dict[str, int]
    low: int | float | None = None
    high: int | float | None = None
    longest: int = 0


class VersionSummary(msgspec.Struct, frozen=True):
    """One version of a model.

    ``requests`` is every request that passed the check, ``sketched`` those looked into. Batch and
    body are the greatest of all requests. ``breaches`` counts sketched requests by the place and
    rule of an observed, not enforced contract that they broke. ``more_parameters`` says that there
    were more parameters than are kept.
    """

    model: str
    version: int
    requests: int
    sketched: int
    batch_high: int
    body_bytes_high: int
    inputs: dict[str, InputSummary]
    parameters: dict[str, ParameterSummary] = {}
    more_parameters: bool = False
    breaches: dict[str, int] = {}


def breach_key(place: str, rule: str) -> str:
    """Name a broken rule at a place, without the element's number."""
    return f"{place.partition('[')[0]} {rule}"
