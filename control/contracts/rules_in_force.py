"""What a contract document holds callers to, rule by rule, with all that goes without saying."""

import itertools
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from control.contracts.compile import most_bytes
from control.contracts.document import (
    ContractDocument,
    DimRange,
    ParameterRules,
    TensorRules,
    TotalTokens,
)
from control.core.contract import ANY_SIZE, TensorSpec
from control.core.number_rules import INTEGER_RANGES
from control.core.rule_changes import Rules

#: What is read as characters has to be valid in the one encoding that there is.
_READ_AS_TEXT: Final = ("encoding", "min_chars", "max_chars", "pattern", "tokens", "json_schema")


def tensor_rules(rules: TensorRules, spec: TensorSpec | None) -> Rules:
    """Give the rules of a tensor; one that only repeats what ``spec`` says changes nothing."""
    low, high = INTEGER_RANGES.get(spec.datatype if spec else "", (None, None))
    least = low if rules.min is None else rules.min
    most = high if rules.max is None else rules.max
    is_text = any(getattr(rules, key) is not None for key in _READ_AS_TEXT)
    return {
        "min": least,
        "max": most,
        "finite": rules.finite or (least is not None and most is not None),
        "integer": rules.integer,
        "values": _set(rules.values),
        "encoding": "utf-8" if is_text else None,
        "min_bytes": rules.min_bytes or None,
        "max_bytes": most_bytes(rules),
        "min_chars": rules.min_chars or None,
        "max_chars": rules.max_chars,
        "pattern": rules.pattern,
        "json_schema": _json(rules.json_schema),
        **_tokens(rules),
        **dict(_dims(rules, spec)),
    }


def parameter_rules(rules: ParameterRules) -> Rules:
    """Give the rules of one parameter."""
    return {
        "type": rules.type,
        "required": rules.required,
        "min": rules.min,
        "max": rules.max,
        "values": _set(rules.values),
        "max_chars": rules.max_chars,
    }


def rejects_others(document: ContractDocument) -> bool:
    """Whether parameters that are not listed are refused."""
    if document.other_parameters is None:
        return document.parameters is not None
    return document.other_parameters == "reject"


def request_rules(document: ContractDocument, max_batch_size: int | None) -> Rules:
    """Give the rules of a whole request; ``max_batch_size`` is the config's, None unknown."""
    limits, generate = document.limits, document.generate
    return {
        "limits.request_bytes": limits.request_bytes,
        "limits.batch": max_batch_size if limits.batch is None else limits.batch,
        "generate.json_schema": _json(generate.json_schema) if generate else None,
        "other_parameters": "reject" if rejects_others(document) else "allow",
        "rules.same_length": frozenset(_pairs(document.rules.same_length)) or None,
        **_totals(document.rules.total_tokens),
    }


def context_rules(document: ContractDocument) -> Rules | None:
    """Give the rules of prompt and answer together, if there are any."""
    context = document.rules.context
    if context is None:
        return None
    return {
        "max": context.max,
        "default": context.default,
        "prompt": frozenset(context.prompt),
        "new_tokens": context.new_tokens,
    }


def _tokens(rules: TensorRules) -> Rules:
    tokens = rules.tokens
    if tokens is None or tokens.max is None:
        return {}
    return {"tokens.max": tokens.max, "tokens.on_excess": tokens.on_excess}


def _dims(rules: TensorRules, spec: TensorSpec | None) -> Iterator[tuple[str, int | None]]:
    fixed = spec.dims if spec is not None else ()
    for place, (dim, size) in enumerate(itertools.zip_longest(rules.dims or (), fixed)):
        said = dim or DimRange()
        least, most = (said.min, said.max) if size in (None, ANY_SIZE) else (size, size)
        yield f"dims[{place}].min", least or None
        yield f"dims[{place}].max", most


def _pairs(groups: list[list[str]]) -> Iterator[str]:
    for group in groups:
        for one, other in itertools.combinations(sorted(set(group)), 2):
            yield f"{one} = {other}"


def _totals(totals: list[TotalTokens]) -> Rules:
    most: dict[str, int] = {}
    for one in totals:
        name = f"rules.total_tokens[{', '.join(sorted(set(one.inputs)))}].max"
        most[name] = min(one.max, most.get(name, one.max))
    return most


def _set(values: list[Any] | None) -> frozenset[Any] | None:
    return None if values is None else frozenset(values)


def _json(schema: object) -> str | None:
    """Write a schema in one form, so that equal ones are equal texts."""
    return None if schema is None else msgspec.json.encode(schema, order="sorted").decode()
