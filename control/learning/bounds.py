"""The rules by which seen extremes become proposed limits.

- A range of values is widened by a tenth of its span on both sides, but not past 0 if no value
  was, and rounded outward.
- Lengths, counts and sizes grow by a tenth and are rounded up to two digits, bytes to eighths of
  a power of two. Their least is 1 where none was empty.
- A limit that the datatype sets anyway is left out. Of a value that never changed nothing is said.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

_MARGIN: Final = Decimal("0.1")
#: A request's JSON holds ids and spaces that differ between clients.
_BODY_MARGIN_BYTES: Final = 1024

_GREATEST_FLOAT: Final = {
    "FP16": 65504.0,
    "BF16": 3.3895313892515355e38,
    "FP32": 3.4028234663852886e38,
    "FP64": 1.7976931348623157e308,
}

Bounds = tuple[float | None, float | None]


def value_bounds(low: float, high: float, datatype: str) -> Bounds:
    """Propose least and greatest value for elements of a datatype; None is no limit."""
    if low == high or datatype == "BOOL":
        return None, None
    least, most = widened(low, high)
    floor, ceiling = _range_of(datatype)
    return (least if least > floor else None), (most if most < ceiling else None)


def widened(low: float, high: float) -> tuple[float, float]:
    """Widen a range by the margin; whole numbers stay whole."""
    least: float
    most: float
    if isinstance(low, int) and isinstance(high, int):
        more = -((low - high) // 10)
        least, most = low - more, high + more
    else:
        least, most = _widened_outward(Decimal(low), Decimal(high))
    return (max(0, least) if low >= 0 else least), (min(0, most) if high <= 0 else most)


def upper_count(high: int) -> int:
    """Propose a greatest length, count or size."""
    more = _with_margin(high)
    step = int(10 ** max(0, len(str(more)) - 2))
    return -(-more // step) * step


def upper_bytes(high: int) -> int:
    """Propose a greatest length in bytes."""
    more = _with_margin(high)
    step = 1 << max(0, more.bit_length() - 3)
    return -(-more // step) * step


def upper_body_bytes(high: int) -> int:
    """Propose a greatest request body."""
    return upper_bytes(max(high, high + _BODY_MARGIN_BYTES - high // 10))


def upper_batch(high: int) -> int:
    """Propose a greatest batch: the next power of two."""
    return 1 << max(0, high - 1).bit_length()


def least_count(low: int) -> int | None:
    """Propose a least length: 1 or no limit."""
    return 1 if low >= 1 else None


def _with_margin(high: int) -> int:
    return high + -(-high // 10)


def _widened_outward(low: Decimal, high: Decimal) -> tuple[float, float]:
    span = high - low
    margin = span * _MARGIN
    # two digits of the span are all that a margin of a tenth has to say
    step = Decimal(1).scaleb(span.adjusted() - 1)
    least = ((low - margin) / step).to_integral_value(ROUND_FLOOR) * step
    most = ((high + margin) / step).to_integral_value(ROUND_CEILING) * step
    return min(float(least), float(low)), max(float(most), float(high))


def _range_of(datatype: str) -> tuple[float, float]:
    greatest = _GREATEST_FLOAT.get(datatype)
    if greatest is not None:
        return -greatest, greatest
    bits = int(datatype.removeprefix("U").removeprefix("INT"))
    if datatype.startswith("U"):
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
