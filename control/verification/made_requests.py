"""Requests made from a contract, for models that bring no golden ones. The same every time."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from control.contracts.compiled import CompiledContract
from control.contracts.tensor_rules import CompiledTensor
from control.contracts.text_rules import TextRules
from control.core.contract import ANY_SIZE, Contract, TensorSpec
from control.core.datatypes import BYTES
from control.core.elements import NUMPY, pack_bytes
from control.core.number_rules import FLOATS, INTEGER_RANGES
from control.core.tensors import InferRequest, Tensor, element_count
from control.verification.verdicts import Skipped

_SEED: Final = 20_260_101
#: Rows, and elements of each dimension of any size.
_SHAPES: Final = ((1, 3), (1, 1), (2, 4), (1, 8), (3, 2), (1, 16))
#: Where the contract gives no range.
_FLOAT_RANGE: Final = (-1.0, 1.0)
_INTEGER_RANGE: Final = (0, 9)
_WORDS: Final = ("one", "two words", "a text of some more words", "seven", "", "0123456789")
_TEXT_BYTES: Final = 64


def made_requests(contract: Contract, rules: CompiledContract | None) -> Iterator[InferRequest]:
    """Give requests of several shapes; raises Skipped where none can be made honestly."""
    maker = _Maker(contract, rules)
    for place, (rows, size) in enumerate(_SHAPES):
        with_optional = place % 2 == 1
        inputs = [
            maker.tensor(spec, min(rows, contract.max_batch_size or 1), size)
            for spec in contract.inputs.values()
            if with_optional or spec.name in contract.required
        ]
        if inputs:
            yield InferRequest(inputs)


class _Maker:
    def __init__(self, contract: Contract, rules: CompiledContract | None) -> None:
        self._batched = bool(contract.max_batch_size)
        self._rules = rules.inputs if rules else {}
        self._random = np.random.default_rng(_SEED)

    def tensor(self, spec: TensorSpec, rows: int, size: int) -> Tensor:
        """Make one input."""
        rules = self._rules.get(spec.name)
        dims = list(_dims(spec, rules, size))
        shape = [rows, *dims] if self._batched else dims
        count = element_count(shape)
        if spec.datatype == BYTES:
            data = pack_bytes(self._texts(spec.name, rules.texts if rules else None, count))
        else:
            data = self._numbers(spec.datatype, rules, count)
        return Tensor(spec.name, spec.datatype, shape, data)

    def _texts(self, name: str, rules: TextRules | None, count: int) -> list[bytes]:
        rules = rules or TextRules()
        if rules.values:
            known = sorted(rules.values)
            return [known[place] for place in self._random.integers(0, len(known), count)]
        if rules.pattern or rules.schema:
            message = f"no request can be made up: the contract gives '{name}' a form of its own"
            raise Skipped(message)
        least = max(rules.bytes_range[0], rules.chars_range[0])
        most = min(one for one in (rules.bytes_range[1], rules.chars_range[1], _TEXT_BYTES) if one)
        chosen = [_WORDS[place] for place in self._random.integers(0, len(_WORDS), count)]
        return [text[: max(least, most)].ljust(least, "x").encode() for text in chosen]

    def _numbers(self, datatype: str, rules: CompiledTensor | None, count: int) -> bytes:
        numbers = rules.numbers if rules else None
        if numbers is not None and numbers.values:
            values: Any = self._random.choice(np.array(numbers.values), count)
        else:
            whole = datatype not in FLOATS or bool(numbers and numbers.integer)
            low, high = _INTEGER_RANGE if whole else _FLOAT_RANGE
            low, high = _within(low, high, *INTEGER_RANGES.get(datatype, (None, None)))
            if numbers is not None:
                low, high = _within(low, high, numbers.least, numbers.most)
            values = self._random.uniform(low, high, count)
            values = np.floor(self._random.uniform(low, high + 1, count)) if whole else values
        if datatype == "BF16":
            return bytes((values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).data)
        return bytes(values.astype(NUMPY[datatype]).tobytes())


def _within(
    low: float, high: float, least: float | None, most: float | None
) -> tuple[float, float]:
    """Move a span into a range, and cut off what is left outside."""
    span = high - low
    if least is not None and low < least:
        low, high = least, least + span
    if most is not None and high > most:
        low, high = most - span if least is None else max(least, most - span), most
    return low, high


def _dims(spec: TensorSpec, rules: CompiledTensor | None, size: int) -> Iterator[int]:
    limits = rules.dims if rules and len(rules.dims) == len(spec.dims) else ()
    for place, dim in enumerate(spec.dims):
        low, high = limits[place] if limits else (0, None)
        chosen = size if dim == ANY_SIZE else dim
        yield (
            chosen if dim != ANY_SIZE else max(low, min(chosen, high if high is not None else size))
        )
