"""The form of ``contract.yaml``: every key, its type, its range, and its default.

A contract says less than this file allows, never more: unknown keys are faults.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictStr, model_validator

from control.contracts.canary_document import CanaryRules
from control.contracts.fallback_document import FallbackStep
from control.contracts.limits_document import Limits
from control.contracts.parts import Count, Name, Number, Part, Scalar
from control.contracts.protection_document import BreakerRules, CacheRules, RetryRules

#: Ten bins of equal share, from the least value to the greatest.
_DECILES: Final = 11


class _Range(Part):
    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (("min", "max"), ("min_chars", "max_chars"), ("min_bytes", "max_bytes")):
            least, most = getattr(self, low, None), getattr(self, high, None)
            if least is not None and most is not None and least > most:
                message = f"{low} {least} is greater than {high} {most}"
                raise ValueError(message)
        return self


class DimRange(_Range):
    """One dimension's size; a bare number in the file is an exact size."""

    min: Count = 0
    """Least size."""
    max: Count | None = None
    """Greatest size; none is any."""


def _exact_dim(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < -1:
            message = "a size must be 0 or more, or -1 for any"
            raise ValueError(message)
        return {} if value == -1 else {"min": value, "max": value}
    return {} if value is None else value


Dim = Annotated[DimRange, BeforeValidator(_exact_dim)]


class TokenRules(Part):
    """Counts the model's own tokens, special ones included, as its tokenizer does."""

    tokenizer: Name
    """File of the tokenizer, in the model's folder; ``{version}`` stands for the version."""
    max: Annotated[int, Field(ge=1, le=2**40, strict=True)] | None = None
    """Most tokens of one text; none only counts them."""
    on_excess: Literal["reject", "truncate"] = "reject"
    """Refuse a text with more tokens, or cut it at the limit and say so."""


class TensorRules(_Range):
    """What one input or output may hold."""

    datatype: Name | None = None
    """As in the model's config: said here for the reader, and checked."""
    rank: Count | None = None
    """Number of dimensions without the batch, as in the model's config."""
    dims: list[Dim] | None = None
    """Size of each dimension without the batch: a number, -1 for any, or ``{min, max}``."""
    min: Number | None = None
    """Least value of an element."""
    max: Number | None = None
    """Greatest value of an element."""
    finite: StrictBool = False
    """Refuse not-a-number and infinities."""
    integer: StrictBool = False
    """Refuse numbers with a fraction."""
    values: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)] | None = None
    """The only values that an element may have."""
    encoding: Literal["utf-8"] | None = None
    """Texts must be valid in this encoding; implied by what counts characters or tokens."""
    min_bytes: Count | None = None
    """Least length of a text, bytes."""
    max_bytes: Count | None = None
    """Greatest length of a text, bytes; with ``tokens``, 1 MiB or 64 bytes a token if not set."""
    min_chars: Count | None = None
    """Least length of a text, characters."""
    max_chars: Count | None = None
    """Greatest length of a text, characters."""
    pattern: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """Regular expression (RE2 syntax) that the whole text must match."""
    tokens: TokenRules | None = None
    """Limit in tokens; inputs only."""
    json_schema: dict[str, Any] | StrictBool | StrictStr | None = None
    """JSON Schema (2020-12) that a text must satisfy, in place or as a file of the model."""


class ParameterRules(_Range):
    """What one request parameter may be."""

    type: Literal["boolean", "integer", "number", "string"]
    """Its JSON type; an integer is also a number."""
    required: StrictBool = False
    """Refuse requests without it."""
    min: Number | None = None
    """Least value."""
    max: Number | None = None
    """Greatest value."""
    values: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)] | None = None
    """The only values that it may have."""
    max_chars: Count | None = None
    """Greatest length of a string, characters."""


class TotalTokens(Part):
    """A limit on the tokens of several inputs together, row by row."""

    inputs: Annotated[list[Name], Field(min_length=1, max_length=64)]
    """Inputs with ``tokens``."""
    max: Annotated[int, Field(ge=1, le=2**40, strict=True)]
    """Most tokens of one row of the batch."""


class Context(Part):
    """Prompt and new tokens together must fit the model's context."""

    prompt: Annotated[list[Name], Field(min_length=1, max_length=64)]
    """Inputs with ``tokens``."""
    new_tokens: Name
    """``parameters.NAME`` or ``inputs.NAME``: how many tokens the caller asks for."""
    default: Count = 0
    """What the model takes where the caller asks for no number."""
    max: Annotated[int, Field(ge=1, le=2**40, strict=True)]
    """The context: most tokens of prompt and answer together."""


class AcrossRules(Part):
    """Rules over several inputs."""

    same_length: list[Annotated[list[Name], Field(min_length=2, max_length=64)]] = Field(
        default_factory=list
    )
    """Groups of inputs whose first dimension after the batch must be the same."""
    total_tokens: list[TotalTokens] = Field(default_factory=list)
    """Limits on sums of tokens."""
    context: Context | None = None
    """Prompt and answer within the model's context."""


class GenerateRules(Part):
    """What the JSON body of ``/generate`` may be."""

    json_schema: dict[str, Any] | StrictBool | StrictStr
    """JSON Schema (2020-12), in place or as a file of the model."""


_Decile = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Deciles = Annotated[list[_Decile], Field(min_length=_DECILES, max_length=_DECILES)]


class Drift(Part):
    """How the inputs were distributed when the contract was learned."""

    inputs: dict[Name, dict[Name, Deciles]] = Field(default_factory=dict)
    """For each input and feature: least value, nine deciles, greatest value."""


class ContractDocument(Part):
    """One ``contract.yaml``."""

    mode: Literal["enforce", "observe"] = "enforce"
    """Refuse what breaks the contract, or only count and log it."""
    limits: Limits = Limits()
    """Limits on a request, and on all requests that a version holds at once."""
    inputs: dict[Name, TensorRules] = Field(default_factory=dict)
    """Rules by input."""
    outputs: dict[Name, TensorRules] = Field(default_factory=dict)
    """Rules by output: a wrong answer never reaches the caller."""
    parameters: dict[Name, ParameterRules] | None = None
    """Rules by request parameter."""
    other_parameters: Literal["allow", "reject"] | None = None
    """Parameters that are not listed; if nothing is said, rejected where ``parameters`` is."""
    rules: AcrossRules = AcrossRules()
    """Rules over several inputs."""
    generate: GenerateRules | None = None
    """Rules for the ``/generate`` endpoint."""
    priority: Literal["high", "normal", "low"] = "normal"
    """Of requests that name none."""
    breaker: BreakerRules = BreakerRules()
    """When a failing version is left alone."""
    retries: RetryRules = RetryRules()
    """Sending a failed request again."""
    deterministic: StrictBool = False
    """The same request always gets the same answer: identical ones may share it."""
    cache: CacheRules | None = None
    """Keeps answers; needs ``deterministic``."""
    fallbacks: list[FallbackStep] = Field(default_factory=list, max_length=16)
    """Where an answer comes from when the version gives none, in this order."""
    canary: CanaryRules = CanaryRules()
    """How a new version is tried out."""
    drift: Drift = Drift()
    """Envelope that present traffic is compared with."""
