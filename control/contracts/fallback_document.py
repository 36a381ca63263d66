"""The steps of ``fallbacks`` in ``contract.yaml``."""

import math
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from control.contracts.parts import Name, Part, Seconds, Version

_MOST_NESTED: Final = 16


class CacheStep(Part):
    """A kept answer that is past its time."""

    max_stale_s: Seconds
    """How long past its ``ttl_s``."""


class ModelStep(Part):
    """Another model's answer."""

    name: Name
    """The other model."""
    version: Version | None = None
    """Its version; if not set, the newest that is ready."""
    inputs: dict[Name, Name] = Field(default_factory=dict)
    """Its inputs, each with ours that it is fed from; if empty, names are the same."""
    outputs: dict[Name, Name] = Field(default_factory=dict)
    """Our outputs, each with its that we give; if empty, names are the same."""


def _values(value: object, depth: int = 0) -> object:
    if isinstance(value, list) and depth < _MOST_NESTED:
        return [_values(one, depth + 1) for one in value]
    is_value = isinstance(value, (bool, str))
    if isinstance(value, int):
        is_value = -(2**63) <= value < 2**64
    elif isinstance(value, float):
        is_value = math.isfinite(value)
    if not is_value:
        message = "must be a value or a list of values: true or false, finite numbers, texts"
        raise ValueError(message)
    return value


_VALUE_KINDS: Final = [{"type": "boolean"}, {"type": "number"}, {"type": "string"}]
#: What one row of an output holds, nested as its dimensions are.
Row = Annotated[
    Any,
    AfterValidator(_values),
    WithJsonSchema({"anyOf": [*_VALUE_KINDS, {"type": "array", "items": {"anyOf": _VALUE_KINDS}}]}),
]


class FallbackStep(Part):
    """One step: exactly one of these keys."""

    cache: CacheStep | None = None
    """An answer from the cache, which may be old."""
    version: Version | None = None
    """The answer of another version of this model; a version skips a step that names itself."""
    model: ModelStep | None = None
    """The answer of another model."""
    static: dict[Name, Row] | None = None
    """Always the same answer: one row of every output, nested as its dimensions are."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        said = [name for name in _STEPS if getattr(self, name) is not None]
        if len(said) != 1:
            message = f"must have exactly one key of {', '.join(_STEPS)}"
            raise ValueError(message)
        return self


_STEPS: Final = tuple(FallbackStep.model_fields)
