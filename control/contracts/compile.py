"""Compiles a contract document for one model version, or says why it cannot be."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from control.contracts.compiled import CompiledContract, ContextRule
from control.contracts.document import (
    ContractDocument,
    ParameterRules,
    TensorRules,
    TokenRules,
)
from control.contracts.engines import JsonSchema, Pattern, TokenCounter
from control.contracts.faults import ContractBroken, Fault, Key, dotted
from control.contracts.protection import compile_protection, static_breaches
from control.contracts.tensor_rules import CompiledTensor
from control.contracts.text_rules import TextRules, TokenLimit
from control.core.across_rules import ParameterRule, TokenSum
from control.core.contract import Contract, TensorSpec
from control.core.datatypes import BYTES
from control.core.drift import Envelope
from control.core.number_rules import NumberRules
from control.repository.names import CONTRACT

#: Longer texts are refused uncounted, unless the contract names its own ``max_bytes``: a megabyte
#: takes a third of a second to count. Where the token limit is large, as many bytes as no text has.
COUNTED_BYTES: Final = 1024 * 1024
_BYTES_PER_TOKEN: Final = 64

T = TypeVar("T")

#: Turns a key and a sentence into a fault; the file's reader knows the line.
FaultAt = Callable[[Key, str], Fault]


def fault_without_line(key: Key, message: str) -> Fault:
    """Make a fault where the file is not at hand."""
    return Fault(CONTRACT, 0, dotted(key), message)


def compile_contract(
    document: ContractDocument,
    contract: Contract,
    tokenizers: Mapping[str, TokenCounter],
    revision: str,
    fault_at: FaultAt = fault_without_line,
) -> CompiledContract:
    """Compile; ``tokenizers`` are by input. Raises ContractBroken with every fault of an engine.

    Whether the document agrees with ``contract`` is asked elsewhere (see ``agreement``).
    """
    return _Compiler(document, contract, tokenizers, fault_at).compile(revision)


class _Compiler:
    def __init__(
        self,
        document: ContractDocument,
        contract: Contract,
        tokenizers: Mapping[str, TokenCounter],
        fault_at: FaultAt,
    ) -> None:
        self._document = document
        self._contract = contract
        self._tokenizers = tokenizers
        self._fault_at = fault_at
        self._faults: list[Fault] = []

    def compile(self, revision: str) -> CompiledContract:
        """Compile all parts, then complain of all faults at once."""
        document, contract = self._document, self._contract
        parameters, across = document.parameters, document.rules
        listed = None if parameters is None else frozenset(parameters)
        rejects = document.other_parameters == "reject" or (
            document.other_parameters is None and listed is not None
        )
        generate = document.generate
        outputs = dict(self._tensors("outputs", document.outputs, contract.outputs))
        protection = compile_protection(document, contract)
        self._faults += [self._fault_at(*one) for one in static_breaches(protection, outputs)]
        compiled = CompiledContract(
            revision=revision,
            enforced=document.mode == "enforce",
            batched=bool(contract.max_batch_size),
            inputs=dict(self._tensors("inputs", document.inputs, contract.inputs)),
            outputs=outputs,
            request_bytes=document.limits.request_bytes,
            batch=document.limits.batch,
            parameters=tuple(_parameter(n, one) for n, one in (parameters or {}).items()),
            only_parameters=(listed or frozenset()) if rejects else None,
            same_length=tuple(map(tuple, across.same_length)),
            token_sums=tuple(
                TokenSum("total_tokens", tuple(one.inputs), one.max) for one in across.total_tokens
            ),
            context=_context(document),
            generate=self._schema(("generate", "json_schema"), generate.json_schema)
            if generate
            else None,
            is_plain=_is_plain(document) and not rejects,
            drift=_envelope(document),
            protection=protection,
        )
        if self._faults:
            raise ContractBroken(self._faults)
        return compiled

    def _tensors(
        self, side: str, rules: Mapping[str, TensorRules], specs: Mapping[str, TensorSpec]
    ) -> Iterator[tuple[str, CompiledTensor]]:
        for name, one in rules.items():
            spec = specs.get(name)
            if spec is None:
                continue  # a fault of its own, see ``agreement``
            is_text = spec.datatype == BYTES
            numbers = None if is_text else _numbers(spec, one)
            yield (
                name,
                CompiledTensor(
                    name=name,
                    datatype=spec.datatype,
                    dims=tuple((dim.min, dim.max) for dim in one.dims or ()),
                    numbers=numbers if numbers is not None and numbers.any else None,
                    texts=self._texts((side, name), one) if is_text else None,
                    batched=bool(self._contract.max_batch_size),
                ),
            )

    def _texts(self, key: Key, rules: TensorRules) -> TextRules | None:
        tokens = rules.tokens
        counter = self._tokenizers.get(str(key[1])) if tokens else None
        counts_chars = rules.min_chars is not None or rules.max_chars is not None
        texts = TextRules(
            decode=counts_chars
            or rules.encoding is not None
            or rules.pattern is not None
            or tokens is not None,
            bytes_range=(rules.min_bytes or 0, most_bytes(rules)),
            chars_range=(rules.min_chars or 0, rules.max_chars),
            values=frozenset(str(one).encode() for one in rules.values) if rules.values else None,
            pattern=self._try((*key, "pattern"), partial(Pattern, rules.pattern))
            if rules.pattern
            else None,
            schema=None
            if rules.json_schema is None
            else self._schema((*key, "json_schema"), rules.json_schema),
            tokens=self._token_limit(key, tokens, counter) if tokens and counter else None,
        )
        return None if texts == TextRules() else texts

    def _token_limit(self, key: Key, tokens: TokenRules, counter: TokenCounter) -> TokenLimit:
        if tokens.max is not None and tokens.max < counter.least:
            message = f"an empty text has {counter.least} tokens already, got {tokens.max}"
            self._faults.append(self._fault_at((*key, "tokens", "max"), message))
        # Where breaches are only observed nothing is cut either: what would be is counted.
        cut = tokens.on_excess == "truncate" and self._document.mode == "enforce"
        return TokenLimit(counter, tokens.max, cut)

    def _schema(self, key: Key, schema: Any) -> JsonSchema | None:  # noqa: ANN401 - JSON
        return self._try(key, partial(JsonSchema, schema))

    def _try(self, key: Key, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ValueError as error:
            self._faults.append(self._fault_at(key, str(error)))
            return None


def most_bytes(rules: TensorRules) -> int | None:
    """Give the author's limit, or the one that keeps counting tokens from taking for ever."""
    if rules.max_bytes is not None or rules.tokens is None:
        return rules.max_bytes
    return max(COUNTED_BYTES, _BYTES_PER_TOKEN * (rules.tokens.max or 0))


def _numbers(spec: TensorSpec, rules: TensorRules) -> NumberRules:
    values = tuple(int(one) if isinstance(one, bool) else one for one in rules.values or ())
    return NumberRules(
        datatype=spec.datatype,
        least=rules.min,
        most=rules.max,
        finite=rules.finite,
        integer=rules.integer,
        values=tuple(one for one in values if not isinstance(one, str)) or None,
    )


def _parameter(name: str, rules: ParameterRules) -> ParameterRule:
    return ParameterRule(
        name=name,
        kind=rules.type,
        required=rules.required,
        least=rules.min,
        most=rules.max,
        values=tuple(rules.values) if rules.values else None,
        max_chars=rules.max_chars,
    )


def _context(document: ContractDocument) -> ContextRule | None:
    rule = document.rules.context
    if rule is None:
        return None
    place, _, source = rule.new_tokens.partition(".")
    total = TokenSum("context", tuple(rule.prompt), rule.max)
    return ContextRule(total, source, place == "inputs", rule.default)


def _envelope(document: ContractDocument) -> Envelope:
    return Envelope(
        {
            name: {feature: tuple(deciles) for feature, deciles in features.items()}
            for name, features in document.drift.inputs.items()
        }
    )


def _is_plain(document: ContractDocument) -> bool:
    """Whether all rules are about single tensors, so that nothing else need be looked at."""
    across = document.rules
    return not (
        document.parameters
        or document.limits.batch is not None
        or across.same_length
        or across.total_tokens
        or across.context
    )
