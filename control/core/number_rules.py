"""Rules on the numbers of a tensor, checked in one or two passes over its raw bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from control.core.elements import NUMPY, as_array
from control.core.tensors import Buffer
from control.core.violations import Violation

FLOATS: Final = frozenset({"FP16", "BF16", "FP32", "FP64"})

#: Bit pattern of infinity in the two-byte floats; above it, without the sign, is not-a-number.
_INFINITY_BITS: Final = {"FP16": 0x7C00, "BF16": 0x7F80}
_SIGN: Final = 0x8000
#: Elements looked at in one go where a rule needs room of its own: as much as fits the cache.
_BLOCK: Final = 65_536

_least = np.minimum.reduce
_greatest = np.maximum.reduce

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class NumberRules:
    """What the elements of a numeric tensor may be; None and False allow anything.

    A ``least`` or ``most`` also refuses not-a-number, which is neither above nor below anything.
    """

    datatype: str
    least: float | None = None
    most: float | None = None
    finite: bool = False
    integer: bool = False
    values: tuple[float, ...] | None = None

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
    width = 2 if datatype in _INFINITY_BITS else np.dtype(NUMPY[datatype]).itemsize
    step = _BLOCK * width
    for start in range(0, len(data), step):
        yield start // width, as_array(memoryview(data)[start : start + step], datatype)


def _breaks(rules: NumberRules, data: Buffer, rule: str) -> bool:
    return any(_offenders(rules, block, rule).any() for _, block in _blocks(data, rules.datatype))


def _offenders(rules: NumberRules, block: Array, rule: str) -> Array:
    offenders: Array
    match rule:
        case "finite":
            offenders = ~np.isfinite(block)
        case "min":
            offenders = ~(block >= rules.least) & _counted(rules, block)
        case "max":
            offenders = ~(block <= rules.most) & _counted(rules, block)
        case "integer":
            offenders = ~(np.isfinite(block) & (np.rint(block) == block))
        case _:
            allowed = np.array(rules.values, np.float32 if rules.datatype == "BF16" else None)
            offenders = ~np.isin(block, allowed.astype(block.dtype))
    return offenders


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
                f"{path}[{start + place}]", rule, _limit(rules, rule), _shown(block[place])
            )
    raise AssertionError(rule)


def _limit(rules: NumberRules, rule: str) -> str | float | list[str]:
    match rule:
        case "min" if rules.least is not None:
            return rules.least
        case "max" if rules.most is not None:
            return rules.most
        case "values":
            return [f"{value:g}" for value in rules.values or ()][:64]
        case "integer":
            return "whole numbers"
        case _:
            return "finite numbers"


def _shown(value: Any) -> str | float | int:  # noqa: ANN401 - an element of any numpy type
    plain = value.item()
    if isinstance(plain, float) and plain - plain != 0:
        return str(plain)  # JSON has no word for it
    return float(f"{plain:.9g}") if isinstance(plain, float) else int(plain)
