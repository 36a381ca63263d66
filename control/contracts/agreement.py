"""Does a contract file agree with the model's config? It may tighten it, and never loosen it."""

import itertools
from collections.abc import Iterator
from typing import Final

from control.contracts.canary_agreement import canary_disagreements
from control.contracts.document import ContractDocument, DimRange, ParameterRules, TensorRules
from control.contracts.faults import Complaint, Key, unknown_name
from control.contracts.protection_agreement import protection_disagreements
from control.core.across_rules import kind_of
from control.core.contract import ANY_SIZE, Contract, TensorSpec
from control.core.datatypes import BYTES
from control.core.number_rules import FLOATS, GREATEST_FLOATS, INTEGER_RANGES

_TEXT_KEYS: Final = (
    "encoding", "min_bytes", "max_bytes", "min_chars", "max_chars", "pattern", "tokens",
    "json_schema",
)  # fmt: skip
_NUMBER_KEYS: Final = ("min", "max", "finite", "integer")


def disagreements(document: ContractDocument, contract: Contract) -> list[Complaint]:
    """List every key that the model's config does not allow, with the reason."""
    return [
        *_batch(document, contract),
        *_sides(document, contract),
        *_across(document, contract),
        *_parameters(document),
        *_drift(document, contract),
        *protection_disagreements(document, contract),
        *canary_disagreements(document.canary, contract),
    ]


def _batch(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    batch, most = document.limits.batch, contract.max_batch_size
    if batch is not None and not most:
        yield ("limits", "batch"), "the model's config has no batch (max_batch_size 0)"
    elif batch is not None and batch > most:
        yield ("limits", "batch"), f"the model's config allows at most {most}, got {batch}"


def _sides(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    for side, rules, specs in (
        ("inputs", document.inputs, contract.inputs),
        ("outputs", document.outputs, contract.outputs),
    ):
        for name, one in rules.items():
            key: Key = (side, name)
            spec = specs.get(name)
            if spec is None:
                yield key, unknown_name(f"{side[:-1]} of the model", specs)
                continue
            for place, message in (*_shape(one, spec), *_elements(one, spec)):
                yield (*key, *place), message
            if side == "outputs" and one.tokens is not None:
                yield (*key, "tokens"), "tokens are counted of inputs only"


def _shape(rules: TensorRules, spec: TensorSpec) -> Iterator[Complaint]:
    if rules.datatype is not None and rules.datatype != spec.datatype:
        yield ("datatype",), f"the model's config says {spec.datatype}, got {rules.datatype}"
    if rules.rank is not None and rules.rank != len(spec.dims):
        yield ("rank",), f"the model's config has {len(spec.dims)} dimensions, got {rules.rank}"
    if rules.dims is None:
        return
    if len(rules.dims) != len(spec.dims):
        message = f"the model's config has {len(spec.dims)} dimensions, got {len(rules.dims)}"
        yield ("dims",), message
        return
    for place, (dim, size) in enumerate(zip(rules.dims, spec.dims, strict=True)):
        if size != ANY_SIZE and not _contains(dim, size):
            yield ("dims", place), f"the model's config says {size}"


def _contains(dim: DimRange, size: int) -> bool:
    return dim.min <= size and (dim.max is None or size <= dim.max)


def _elements(rules: TensorRules, spec: TensorSpec) -> Iterator[Complaint]:
    is_text = spec.datatype == BYTES
    wrong: tuple[str, ...] = _NUMBER_KEYS if is_text else _TEXT_KEYS
    for key in wrong:
        if getattr(rules, key) not in (None, False):
            kind = "numbers" if is_text else "texts (BYTES)"
            yield (key,), f"is a rule for {kind}, and the datatype is {spec.datatype}"
    if is_text:
        yield from _text_values(rules)
        return
    if spec.datatype not in FLOATS:
        for key in ("finite", "integer"):
            if getattr(rules, key):
                yield (key,), f"always holds for {spec.datatype}; leave it out"
    yield from _numbers_held(rules, spec.datatype)


def _text_values(rules: TensorRules) -> Iterator[Complaint]:
    for place, value in enumerate(rules.values or ()):
        if not isinstance(value, str):
            yield ("values", place), f"must be a text: put it in quotes (got {value!r})"


def _numbers_held(rules: TensorRules, datatype: str) -> Iterator[Complaint]:
    """Complain of limits and values that the datatype cannot hold."""
    is_float = datatype in FLOATS
    greatest = GREATEST_FLOATS.get(datatype, 0.0)
    low, high = (-greatest, greatest) if is_float else INTEGER_RANGES[datatype]
    bounds: Iterator[tuple[Key, object]] = (
        ((bound,), getattr(rules, bound)) for bound in ("min", "max")
    )
    values = ((("values", place), value) for place, value in enumerate(rules.values or ()))
    for key, value in itertools.chain(bounds, values):
        if isinstance(value, str) or (isinstance(value, bool) and datatype != "BOOL"):
            yield key, f"must be a number, as the datatype is {datatype} (got {value!r})"
        elif isinstance(value, (int, float)) and not low <= value <= high:
            yield key, f"{datatype} holds {low}..{high}, got {value}"
        elif isinstance(value, float) and not is_float and not value.is_integer():
            yield key, f"{datatype} holds whole numbers only, got {value}"


def _across(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    across, key = document.rules, ("rules",)
    for number, group in enumerate(across.same_length):
        for place, name in enumerate(group):
            where = (*key, "same_length", number, place)
            if name not in contract.inputs:
                yield where, unknown_name("input of the model", contract.inputs)
            elif not contract.inputs[name].dims:
                yield where, "has no dimension after the batch"
    for number, total in enumerate(across.total_tokens):
        yield from _need_tokens(document, total.inputs, (*key, "total_tokens", number, "inputs"))
    if across.context is not None:
        context_key = (*key, "context")
        yield from _need_tokens(document, across.context.prompt, (*context_key, "prompt"))
        yield from _new_tokens(document, contract, across.context.new_tokens, context_key)


def _need_tokens(document: ContractDocument, names: list[str], key: Key) -> Iterator[Complaint]:
    counted = {name: one for name, one in document.inputs.items() if one.tokens is not None}
    for place, name in enumerate(names):
        if name not in counted:
            yield (*key, place), unknown_name("input with 'tokens'", counted)


def _new_tokens(
    document: ContractDocument, contract: Contract, source: str, key: Key
) -> Iterator[Complaint]:
    place, _, name = source.partition(".")
    where = (*key, "new_tokens")
    if place == "inputs":
        numbers = {one for one, spec in contract.inputs.items() if spec.datatype != BYTES}
        if name not in numbers:
            yield where, unknown_name("numeric input of the model", dict.fromkeys(numbers))
    elif place != "parameters" or not name:
        yield where, f"must be parameters.NAME or inputs.NAME, got '{source}'"
    elif (
        document.parameters is not None
        and name not in document.parameters
        and document.other_parameters != "allow"
    ):
        yield where, unknown_name("parameter of this contract", document.parameters)


def _parameters(document: ContractDocument) -> Iterator[Complaint]:
    for name, rules in (document.parameters or {}).items():
        is_number = rules.type in {"integer", "number"}
        for key in ("min", "max"):
            if getattr(rules, key) is not None and not is_number:
                yield (
                    ("parameters", name, key),
                    f"is a rule for numbers, and the type is {rules.type}",
                )
        if rules.max_chars is not None and rules.type != "string":
            yield ("parameters", name, "max_chars"), f"is a rule for strings, not for {rules.type}"
        yield from _parameter_values(name, rules)


def _parameter_values(name: str, rules: ParameterRules) -> Iterator[Complaint]:
    for place, value in enumerate(rules.values or ()):
        kind = kind_of(value)
        if kind != rules.type and not (rules.type == "number" and kind == "integer"):
            yield ("parameters", name, "values", place), f"must be of type {rules.type}, got {kind}"


def _drift(document: ContractDocument, contract: Contract) -> Iterator[Complaint]:
    for name, features in document.drift.inputs.items():
        if name not in contract.inputs:
            yield ("drift", "inputs", name), unknown_name("input of the model", contract.inputs)
        for feature, deciles in features.items():
            if any(a > b for a, b in itertools.pairwise(deciles)):
                where = ("drift", "inputs", name, feature)
                yield where, "must rise from the least to the greatest"
