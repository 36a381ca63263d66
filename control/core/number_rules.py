"""Rules on the numbers of a tensor, checked in one or two passes over its raw bytes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from control.core.datatypes import ELEMENT_BYTES
from control.core.elements import NUMPY, as_array
from control.core.tensors import Buffer
from control.core.violations import Violation

FLOATS: Final = frozenset({"FP16", "BF16", "FP32", "FP64"})
INTEGER_RANGES: Final = {
    "BOOL": (0, 1),
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}

#: The greatest finite number of each float datatype.
GREATEST_FLOATS: Final = {
    "FP16": 65504.0,
    "BF16": float.fromhex("0x1.fep127"),
    "FP32": float.fromhex("0x1.fffffep127"),
    "FP64": float.fromhex("0x1.fffffffffffffp1023"),
}

#: Bit pattern of infinity in the two-byte floats; above it, without the sign, is not-a-number.
_INFINITY_BITS: Final = {"FP16": 0x7C00, "BF16": 0x7F80}
_SIGN: Final = 0x8000
_HALF_BITS: Final = 16
#: Up to so many values are compared one by one; for more, numpy makes a table or sorts.
_FEW_VALUES: Final = 16
_SHOWN_VALUES: Final = 64
#: Elements looked at in one go where a rule needs room of its own: as much as fits the cache.
_BLOCK: Final = 65_536

_least = np.minimum.reduce
_greatest = np.maximum.reduce

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class NumberRules:
    """What the elements of a numeric tensor may be; None and False allow anything.

    A ``least`` or ``most`` also refuses not-a-number, which is neither above nor below anything.
    Both are held as numbers of the datatype: where 0.1 is the most, FP32's own 0.1 is allowed.
    """

    datatype: str
    least: float | None = None
    most: float | None = None
    finite: bool = False
    integer: bool = False
    values: tuple[float, ...] | None = None
    allowed: Array | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Turn limits and values into numbers of the datatype."""
        for name, inwards in (("least", math.ceil), ("most", math.floor)):
            limit = getattr(self, name)
            if limit is not None and self.datatype not in FLOATS:
                object.__setattr__(self, name, inwards(limit))
            elif limit is not None and limit != nearest(limit, self.datatype):
                object.__setattr__(self, name, nearest(limit, self.datatype))
        if self.values is not None:
            object.__setattr__(self, "allowed", _held(self.values, self.datatype))

    @property
    def any(self) -> bool:
        """Whether there is anything to check."""
        ranged = self.least is not None or self.most is not None
        return ranged or self.finite or self.integer or self.values is not None


def check_numbers(rules: NumberRules, data: Buffer, path: str) -> Iterator[Violation]:
    """Give one violation for each rule that some element breaks, at the first that does."""
    if not len(data):
        return
    if rules.finite or rules.least is not None or rules.most is not None:
        low, high = extremes(data, rules.datatype)
        if rules.finite and not (low - low == 0 and high - high == 0):
            yield _first(rules, data, path, "finite")
            low, high = _finite_extremes(rules, data)
        if rules.least is not None and not low >= rules.least:
            yield _first(rules, data, path, "min")
        if rules.most is not None and not high <= rules.most:
            yield _first(rules, data, path, "max")
    if rules.integer and _breaks(rules, data, "integer"):
        yield _first(rules, data, path, "integer")
    if rules.values is not None and _breaks(rules, data, "values"):
        yield _first(rules, data, path, "values")


def nearest(number: float, datatype: str) -> float:
    """Give the number of a float datatype that is nearest; beyond its range, the number itself."""
    with np.errstate(over="ignore"):
        if datatype == "BF16":
            bits = int(np.float32(number).view(np.uint32))
            to_even = 0x7FFF + (bits >> _HALF_BITS & 1)
            rounded = _from_bits((bits + to_even >> _HALF_BITS) & 0xFFFF, datatype)
        else:
            rounded = float(np.array(number, NUMPY[datatype]))
    return rounded if math.isfinite(rounded) else float(number)


def _held(values: Sequence[float], datatype: str) -> Array:
    """Give the values as the datatype holds them; no element can be one that it cannot hold."""
    if datatype in FLOATS:
        rounded = [nearest(value, datatype) for value in values]
        held = [one for one in rounded if abs(one) <= GREATEST_FLOATS[datatype]]
        return np.array(held, np.float64 if datatype == "FP64" else np.float32)
    low, high = INTEGER_RANGES[datatype]
    whole = [int(value) for value in values if low <= value <= high and value % 1 == 0]
    return np.array(whole, NUMPY[datatype])


def extremes(data: Buffer, datatype: str) -> tuple[float, float]:
    """Give the least and the greatest element; both are not-a-number where any element is."""
    if datatype in _INFINITY_BITS:
        return _half_extremes(np.frombuffer(data, np.uint16), datatype)
    array = np.frombuffer(data, NUMPY[datatype])
    return _least(array).item(), _greatest(array).item()


def _finite_extremes(rules: NumberRules, data: Buffer) -> tuple[float, float]:
    """Give them of the finite elements: the others have been complained about."""
    array = as_array(data, rules.datatype)
    finite = array[np.isfinite(array)]
    if not finite.size:
        return float("inf"), float("-inf")
    return _least(finite).item(), _greatest(finite).item()


def _half_extremes(bits: Array, datatype: str) -> tuple[float, float]:
    """Find them by the bits: the processor has no fast comparison of two-byte floats.

    A float's magnitude grows with its bits, so unsigned the greatest pattern is the most negative
    number, if any is negative, and signed the greatest is the most positive.
    """
    infinity = _INFINITY_BITS[datatype]
    most_negative = _greatest(bits).item()
    most_positive = _greatest(bits.view(np.int16)).item()
    if most_positive > infinity or (most_negative >= _SIGN and most_negative - _SIGN > infinity):
        return float("nan"), float("nan")
    any_positive = most_positive >= 0
    low = most_negative if most_negative >= _SIGN else _least(bits).item()
    high = most_positive if any_positive else _least(bits).item()
    return _from_bits(low, datatype), _from_bits(high, datatype)


def _from_bits(bits: int, datatype: str) -> float:
    return float(as_array(np.uint16(bits).tobytes(), datatype)[0])


def _blocks(data: Buffer, datatype: str) -> Iterator[tuple[int, Array]]:
    """Give the elements block by block, each with its place; two-byte floats become FP32."""
    width = ELEMENT_BYTES[datatype]
    step = _BLOCK * width
    for start in range(0, len(data), step):
        block = as_array(memoryview(data)[start : start + step], datatype)
        yield start // width, block.astype(np.float32) if datatype == "FP16" else block


def _breaks(rules: NumberRules, data: Buffer, rule: str) -> bool:
    return any(_offenders(rules, block, rule).any() for _, block in _blocks(data, rules.datatype))


def _offenders(rules: NumberRules, block: Array, rule: str) -> Array:
    with np.errstate(invalid="ignore"):  # numpy warns of signalling not-a-numbers
        match rule:
            case "finite":
                return ~np.isfinite(block)
            case "min":
                return ~(_exact(rules, block) >= rules.least) & _counted(rules, block)
            case "max":
                return ~(_exact(rules, block) <= rules.most) & _counted(rules, block)
            case "integer":
                whole: Array = np.isfinite(block) & (np.rint(block) == block)
                return ~whole
            case _:
                return _unlisted(rules, block)


def _unlisted(rules: NumberRules, block: Array) -> Array:
    allowed = rules.allowed if rules.allowed is not None else block[:0]
    kind: Literal["sort"] | None = "sort" if len(allowed) <= _FEW_VALUES else None
    return ~np.isin(block, allowed, kind=kind)


def _exact(rules: NumberRules, block: Array) -> Array:
    """Widen floats, so that a limit beyond their range is not taken for infinity."""
    return block.astype(np.float64) if rules.datatype in FLOATS else block


def _counted(rules: NumberRules, block: Array) -> Array | bool:
    """Which elements a range is asked of: where only finite ones are allowed, only those."""
    return np.isfinite(block) if rules.finite else True


def _first(rules: NumberRules, data: Buffer, path: str, rule: str) -> Violation:
    """Find the first element that breaks a rule that some element is known to break."""
    for start, block in _blocks(data, rules.datatype):
        offenders = _offenders(rules, block, rule)
        place = int(offenders.argmax())
        if offenders[place]:
            return Violation(
                f"{path}[{start + place}]",
                rule,
                _limit(rules, rule),
                _shown(block[place], rules.datatype),
            )
    raise AssertionError(rule)


def _limit(rules: NumberRules, rule: str) -> str | float | list[str]:
    match rule:
        case "min" if rules.least is not None:
            return _short(rules.least, rules.datatype)
        case "max" if rules.most is not None:
            return _short(rules.most, rules.datatype)
        case "values":
            return [f"{value}" for value in (rules.values or ())[:_SHOWN_VALUES]]
        case "integer":
            return "whole numbers"
        case _:
            return "finite numbers"


def _shown(value: Any, datatype: str) -> str | float:  # noqa: ANN401 - any numpy number
    plain = value.item()
    if isinstance(plain, float) and plain - plain != 0:
        return str(plain)  # JSON has no word for it
    return _short(plain, datatype)


def _short(number: float, datatype: str) -> float:
    """Leave off the digits that only tell how the datatype rounds."""
    if isinstance(number, int):
        return int(number)
    kind = {"FP16": np.float16, "FP64": np.float64}.get(datatype, np.float32)
    return float(str(kind(number))) if abs(number) <= GREATEST_FLOATS[datatype] else number
