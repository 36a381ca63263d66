"""A compiled contract: every rule of one model version, ready to be applied to requests."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from control.contracts.engines import JsonSchema
from control.contracts.tensor_rules import CompiledTensor
from control.core.across_rules import (
    STANDARD_PARAMETERS,
    ParameterRule,
    TokenSum,
    check_parameter,
    check_same_length,
    check_token_sum,
)
from control.core.datatypes import BYTES
from control.core.drift import NO_ENVELOPE, Envelope
from control.core.elements import as_array
from control.core.findings import Effort, Findings
from control.core.number_rules import NumberRules
from control.core.protection import DEFAULT_PROTECTION, Protection
from control.core.tensors import (
    AnswerTensor,
    Buffer,
    InferRequest,
    Parameter,
    Tensor,
    element_count,
)
from control.core.violations import Violation

_MAX_VIOLATIONS: Final = 256

#: Microseconds that a byte costs, by what is done with it; measured, and rounded up.
_NUMBERS_US_PER_BYTE: Final = 0.0005
_VALUES_US_PER_BYTE: Final = 0.01
_TEXTS_US_PER_BYTE: Final = 0.02
_TOKENS_US_PER_BYTE: Final = 0.3
#: What a text costs however short it is.
_TEXT_US: Final = 2.0

#: More tokens than any model has room for, and few enough to be written down.
_ENDLESS: Final = 2**53


@dataclass(frozen=True, slots=True)
class ContextRule:
    """Prompt and new tokens within the context; ``source`` is a parameter's or an input's name."""

    sum: TokenSum
    source: str
    from_input: bool
    default: int


@dataclass(frozen=True, slots=True)
class CompiledContract:
    """Satisfies ``core.findings.ContractRules``. Immutable, and shared by all threads.

    ``protection`` holds whether or not the rules are ``enforced``.
    """

    revision: str
    enforced: bool
    batched: bool
    inputs: Mapping[str, CompiledTensor]
    outputs: Mapping[str, CompiledTensor]
    request_bytes: int | None = None
    batch: int | None = None
    parameters: tuple[ParameterRule, ...] = ()
    only_parameters: frozenset[str] | None = None
    same_length: tuple[tuple[str, ...], ...] = ()
    token_sums: tuple[TokenSum, ...] = ()
    context: ContextRule | None = None
    generate: JsonSchema | None = None
    is_plain: bool = True
    drift: Envelope = NO_ENVELOPE
    protection: Protection = DEFAULT_PROTECTION

    def check_request(self, request: InferRequest, body_bytes: int) -> Findings:
        """Check everything that the contract says of requests; cuts texts it is told to cut."""
        found = Findings()
        violations = found.violations
        if self.request_bytes is not None and body_bytes > self.request_bytes:
            violations.append(Violation("body", "request_bytes", self.request_bytes, body_bytes))
        for tensor in request.inputs:
            rules = self.inputs.get(tensor.name)
            if rules is None or rules.datatype != tensor.datatype:
                continue  # the check against Triton's config has said so
            result = rules.check(tensor.shape, tensor.data, f"inputs.{tensor.name}")
            violations += result.violations
            if result.token_counts:
                found.token_counts[tensor.name] = result.token_counts
            if result.data is not None:
                tensor.data = result.data
                found.truncations += result.truncations
        if not self.is_plain:
            more = self._beyond_tensors(request, found.token_counts)
            violations += itertools.islice(more, _MAX_VIOLATIONS)
        del violations[_MAX_VIOLATIONS:]
        return found

    def check_answer(self, answer: Sequence[AnswerTensor]) -> list[Violation]:
        """Check everything that the contract says of outputs."""
        violations: list[Violation] = []
        for tensor in answer:
            rules = self.outputs.get(tensor.name)
            if rules is not None and rules.datatype == tensor.datatype:
                path = f"outputs.{tensor.name}"
                violations += rules.check(tensor.shape, tensor.data, path).violations
        return violations[:_MAX_VIOLATIONS]

    def check_generate(self, body: Buffer) -> list[Violation]:
        """Check the JSON body of ``/generate``."""
        if self.generate is None:
            return []
        faults = self.generate.faults(memoryview(body))
        return [Violation(f"body{at}", "json_schema", limit, got) for at, limit, got in faults]

    def document_us(self, body_bytes: int) -> float:
        """Estimate what checking a ``/generate`` body of this size costs, microseconds."""
        return body_bytes * _TEXTS_US_PER_BYTE if self.generate is not None else 0.0

    def effort(self, tensors: Sequence[Tensor | AnswerTensor]) -> Effort:
        """Estimate what checking these tensors costs."""
        numbers_us = texts_us = 0.0
        for tensor in tensors:
            side = self.outputs if isinstance(tensor, AnswerTensor) else self.inputs
            rules = side.get(tensor.name)
            if rules is not None and rules.numbers is not None:
                numbers_us += len(tensor.data) * _number_us(rules.numbers)
            elif rules is not None and rules.texts is not None:
                per_byte = _TOKENS_US_PER_BYTE if rules.texts.tokens else _TEXTS_US_PER_BYTE
                texts_us += len(tensor.data) * per_byte + element_count(tensor.shape) * _TEXT_US
        return Effort(numbers_us, texts_us)

    def _beyond_tensors(
        self, request: InferRequest, counts: Mapping[str, Sequence[int]]
    ) -> Iterator[Violation]:
        shapes = {tensor.name: tensor.shape for tensor in request.inputs}
        sizes = [shape[0] for shape in shapes.values() if shape] if self.batched else []
        batch = max(1, sizes[0]) if sizes else 1
        if self.batch is not None and batch > self.batch:
            yield Violation("inputs", "batch", self.batch, batch)
        for rule in self.parameters:
            yield from check_parameter(rule, request.parameters)
        if self.only_parameters is not None:
            yield from self._unknown_parameters(request.parameters)
        for group in self.same_length:
            yield from check_same_length(group, shapes, 1 if self.batched else 0)
        by_row = {name: _by_row(one, batch) for name, one in counts.items()}
        for total in self.token_sums:
            yield from check_token_sum(total, by_row)
        if self.context is not None:
            more = _new_tokens(self.context, request, batch)
            yield from check_token_sum(self.context.sum, by_row, more)

    def _unknown_parameters(self, parameters: Mapping[str, Parameter]) -> Iterator[Violation]:
        allowed = self.only_parameters or frozenset()
        known = sorted(allowed)
        for name in parameters:
            if name not in allowed and name not in STANDARD_PARAMETERS:
                yield Violation(f"parameters.{name[:64]}", "unknown_parameter", known, name[:64])


def _number_us(rules: NumberRules) -> float:
    # The processor has no rounding of FP16 either.
    is_slow = rules.values is not None or (rules.integer and rules.datatype == "FP16")
    return _VALUES_US_PER_BYTE if is_slow else _NUMBERS_US_PER_BYTE


def _by_row(counts: Sequence[int], batch: int) -> list[int]:
    """Add up the counts of each row, where a row holds several texts."""
    width = len(counts) // batch if batch else 0
    if width <= 1:
        return list(counts)
    return [sum(counts[row * width : (row + 1) * width]) for row in range(batch)]


def _new_tokens(rule: ContextRule, request: InferRequest, batch: int) -> list[int]:
    """Give the number of tokens that each row asks for; one number is for all rows."""
    if not rule.from_input:
        return [_count(request.parameters.get(rule.source), rule.default)]
    for tensor in request.inputs:
        if tensor.name == rule.source and tensor.datatype != BYTES:
            values = as_array(tensor.data, tensor.datatype)
            if len(values) and len(values) % batch == 0:
                greatest = values.reshape(batch, -1).max(axis=1).tolist()
                return [_count(one, rule.default) for one in greatest]
    return [rule.default]


def _count(asked: Parameter | None, default: int) -> int:
    """Read a number of tokens; what is none leaves the model at its default."""
    if isinstance(asked, (bool, str)) or asked is None or math.isnan(asked):
        return default
    return max(0, math.ceil(min(asked, _ENDLESS)))
