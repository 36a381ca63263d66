"""Rules over several inputs of a request, and over its parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from control.core.tensors import Parameter
from control.core.violations import Violation

TokenCounts = Mapping[str, Sequence[int]]

#: What Triton itself reads from a request's parameters, never a model's own; ``id`` stands among
#: the keys of a ``/generate`` body.
STANDARD_PARAMETERS: Final = frozenset(
    {"sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "id"}
)

_EXCERPT: Final = 64
_SHOWN_VALUES: Final = 64


@dataclass(frozen=True, slots=True)
class TokenSum:
    """The tokens of several inputs in one row, with what the caller asks to be generated.

    ``rule`` is the name that its violation carries.
    """

    rule: str
    inputs: tuple[str, ...]
    most: int


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What one request parameter may be. ``kind``: boolean, integer, number or string."""

    name: str
    kind: str
    required: bool = False
    least: float | None = None
    most: float | None = None
    values: tuple[Parameter, ...] | None = None
    max_chars: int | None = None


def check_same_length(
    group: Sequence[str], shapes: Mapping[str, Sequence[int]], first_dim: int
) -> Iterator[Violation]:
    """Give a violation for each input whose first dimension differs from that of the first."""
    lengths = {
        name: shapes[name][first_dim]
        for name in group
        if name in shapes and len(shapes[name]) > first_dim
    }
    if len(set(lengths.values())) > 1:
        (first, length), *others = lengths.items()
        for name, got in others:
            if got != length:
                yield Violation(
                    f"inputs.{name}.shape", "same_length", f"{length}, as {first} has", got
                )


def check_token_sum(
    rule: TokenSum, counts: TokenCounts, more: Sequence[int] = (0,)
) -> Iterator[Violation]:
    """Give a violation for each row with too many tokens, ``more`` of that row included.

    Inputs with one text for the whole batch count in every row.
    """
    columns = [counts[name] for name in rule.inputs if counts.get(name)]
    rows = max(map(len, [*columns, more]), default=0)
    for row in range(rows):
        total = sum(column[row if row < len(column) else -1] for column in [*columns, more])
        if total > rule.most:
            places = ", ".join(f"inputs.{name}[{row}]" for name in rule.inputs)
            yield Violation(places, rule.rule, rule.most, total)


def check_parameter(
    rule: ParameterRule, parameters: Mapping[str, Parameter]
) -> Iterator[Violation]:
    """Check one parameter of a request."""
    path = f"parameters.{rule.name}"
    if rule.name not in parameters:
        if rule.required:
            yield Violation(path, "required_parameter", rule.kind, "nothing")
        return
    value = parameters[rule.name]
    kind = kind_of(value)
    if kind != rule.kind and not (rule.kind == "number" and kind == "integer"):
        yield Violation(path, "parameter_type", rule.kind, kind)
        return
    if isinstance(value, str):
        if rule.max_chars is not None and len(value) > rule.max_chars:
            yield Violation(path, "max_chars", rule.max_chars, len(value))
    elif rule.least is not None and not value >= rule.least:  # not-a-number is not either
        yield Violation(path, "min", rule.least, value)
    elif rule.most is not None and not value <= rule.most:
        yield Violation(path, "max", rule.most, value)
    if rule.values is not None and not any(_same(value, one) for one in rule.values):
        shown = [str(one)[:_EXCERPT] for one in rule.values[:_SHOWN_VALUES]]
        yield Violation(path, "values", shown, str(value)[:_EXCERPT])


def kind_of(value: Parameter) -> str:
    """Name the JSON type of a parameter."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "integer" if isinstance(value, int) else "number"


def _same(one: Parameter, other: Parameter) -> bool:
    # True is 1 to Python, and not to a client.
    return one == other and isinstance(one, bool) == isinstance(other, bool)
