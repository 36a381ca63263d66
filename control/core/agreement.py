"""Do two answers to one request agree? Names, datatypes and shapes exactly, numbers nearly."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from control.core.canary_policy import DEFAULT_TOLERANCE, Tolerance
from control.core.datatypes import BYTES, ELEMENT_BYTES
from control.core.elements import LENGTH, as_array
from control.core.number_rules import FLOATS
from control.core.tensors import AnswerTensor, Buffer

#: Elements, or bytes, that are compared in one go: as much as fits the cache.
_BLOCK: Final = 65_536
#: Up to so many elements are compared one by one, which is faster for them than numpy is.
_FEW: Final = 16
_MAX_SHOWN: Final = 64
_EXACT: Final = Tolerance(0.0, 0.0)

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two answers differ first. ``told`` shows what both say there, ``where`` does not."""

    where: str
    told: str


def disagreement(
    expected: Sequence[AnswerTensor],
    got: Sequence[AnswerTensor],
    comparisons: Mapping[str, Tolerance],
) -> str:
    """Say what differs first, with both values; nothing where the answers agree."""
    found = first_difference(expected, got, comparisons)
    return found.told if found is not None else ""


def first_difference(
    expected: Sequence[AnswerTensor],
    got: Sequence[AnswerTensor],
    comparisons: Mapping[str, Tolerance],
) -> Difference | None:
    """Give where two answers differ first; None where they agree.

    ``comparisons`` are by output. Floats that are not listed have the default tolerance, whole
    numbers none; texts and truth values have none in any case.
    """
    if [one.name for one in expected] != [one.name for one in got]:
        fault = _names(expected, got)
        if fault:
            return _plain(fault)
        by_name = {one.name: one for one in got}
        got = [by_name[one.name] for one in expected]
    for one, other in zip(expected, got, strict=True):
        found = _tensor(one, other, comparisons)
        if found is not None:
            return found
    return None


def _plain(fault: str) -> Difference:
    return Difference(fault, fault)


def _names(expected: Sequence[AnswerTensor], got: Sequence[AnswerTensor]) -> str:
    wanted, given = [one.name for one in expected], [one.name for one in got]
    for name in wanted:
        if name not in given:
            return f"outputs.{_short(name)} is missing"
    for name in given:
        if given.count(name) > wanted.count(name):
            return f"outputs.{_short(name)} was not expected{' twice' if name in wanted else ''}"
    return ""


def _tensor(
    expected: AnswerTensor, got: AnswerTensor, comparisons: Mapping[str, Tolerance]
) -> Difference | None:
    path, datatype = f"outputs.{_short(expected.name)}", expected.datatype
    if got.datatype != datatype:
        kinds = f"{_short(got.datatype)}, expected {_short(datatype)}"
        return _plain(f"{path} has datatype {kinds}")
    if got.shape != expected.shape:
        shapes = f"{_short(str(got.shape))}, expected {_short(str(expected.shape))}"
        return _plain(f"{path} has shape {shapes}")
    if _same_bytes(expected.data, got.data):
        return None
    if datatype == BYTES:
        return _texts(memoryview(expected.data), memoryview(got.data), path)
    if len(expected.data) != len(got.data):
        return _plain(f"{path} has {len(got.data)} bytes, expected {len(expected.data)}")
    tolerance = comparisons.get(expected.name)
    if datatype == "BOOL":
        tolerance = _EXACT
    elif tolerance is None:
        tolerance = DEFAULT_TOLERANCE if datatype in FLOATS else _EXACT
    return _numbers(expected, got, tolerance, path)


def _same_bytes(one: Buffer, other: Buffer) -> bool:
    if len(one) != len(other):
        return False
    return _differing_block(memoryview(one), memoryview(other)) == len(one)


def _differing_block(one: memoryview, other: memoryview) -> int:
    """Give where the first block begins that differs; two of one length, which is given if none."""
    blocks = range(0, len(one), _BLOCK)
    return next((at for at in blocks if not _equal(one, other, at, at + _BLOCK)), len(one))


def _equal(one: memoryview, other: memoryview, start: int, end: int) -> bool:
    # Views compare element by element, bytes as fast as memory is read.
    return one[start:end].tobytes() == other[start:end].tobytes()


def _parting(one: memoryview, other: memoryview) -> int:
    """Give the first place where two differ: the end of the shorter if it begins the longer."""
    end = min(len(one), len(other))
    low = _differing_block(one[:end], other[:end])
    high = min(low + _BLOCK, end)
    while low < high:
        middle = (low + high) // 2
        if _equal(one, other, low, middle + 1):
            low = middle + 1
        else:
            high = middle
    return low


def _texts(expected: memoryview, got: memoryview, path: str) -> Difference:
    place, start = _element_at(expected, _parting(expected, got))
    if start == len(expected):
        return _plain(f"{path} has more elements than the expected {place}")
    if start == len(got):
        return _plain(f"{path} has {place} elements, expected more")
    wanted, given = _element(expected, start), _element(got, start)
    parting = _parting(wanted, given)
    begin = max(0, parting - _MAX_SHOWN // 4)
    return Difference(
        f"{path}[{place}] differs from byte {parting} on",
        f"{path}[{place}] is {_cut(given, begin)}, expected {_cut(wanted, begin)}",
    )


def _element_at(texts: memoryview, byte: int) -> tuple[int, int]:
    """Give the number of the text that a byte is in, and where that begins."""
    unpack, place, start = LENGTH.unpack_from, 0, 0
    while start < byte:
        end: int = start + LENGTH.size + unpack(texts, start)[0]
        if end > byte:
            break
        place, start = place + 1, end
    return place, start


def _element(texts: memoryview, start: int) -> memoryview:
    (length,) = LENGTH.unpack_from(texts, start)
    return texts[start + LENGTH.size :][:length]


def _cut(text: memoryview, start: int) -> str:
    end = start + _MAX_SHOWN
    before, after = "..." if start else "", "..." if len(text) > end else ""
    return f"{before}{bytes(text[start:end]).decode(errors='backslashreplace')!r}{after}"


def _numbers(
    expected: AnswerTensor, got: AnswerTensor, tolerance: Tolerance, path: str
) -> Difference | None:
    for start, wanted, given in _blocks(expected, got):
        place = _first_differing(wanted, given, tolerance)
        if place >= 0:
            at, one, other = f"{path}[{start + place}]", wanted[place], given[place]
            distance, more, within = abs(other.item() - one.item()), "", ""
            if tolerance != _EXACT:
                allowed = _allowed(tolerance)
                more, within = f", more than {allowed}", f" within {allowed}"
            return Difference(
                f"{at} differs by {distance:g}{more}",
                f"{at} is {other!s}, expected {one!s}{within}",
            )
    return None


def _blocks(expected: AnswerTensor, got: AnswerTensor) -> Iterator[tuple[int, Array, Array]]:
    """Give the elements of both block by block, with the place of the first."""
    datatype = expected.datatype
    step = _BLOCK * ELEMENT_BYTES[datatype]
    left, right = memoryview(expected.data), memoryview(got.data)
    for start in range(0, len(left), step):
        wanted = _elements(left[start : start + step], datatype)
        given = _elements(right[start : start + step], datatype)
        yield start // ELEMENT_BYTES[datatype], wanted, given


def _elements(data: Buffer, datatype: str) -> Array:
    if datatype != "BOOL":
        return as_array(data, datatype)
    truths: Array = np.frombuffer(data, np.uint8) != 0  # any byte but 0 is true
    return truths


def _first_differing(wanted: Array, given: Array, tolerance: Tolerance) -> int:
    """Give the first place where two blocks differ by too much; -1 is none."""
    if len(wanted) > _FEW:
        differs = _differing(wanted, given, tolerance)
        return -1 if differs is None or not differs.any() else int(differs.argmax())
    for place, (one, other) in enumerate(zip(wanted.tolist(), given.tolist(), strict=True)):
        if _differ(one, other, tolerance):
            return place
    return -1


def _differ(wanted: float, given: float, tolerance: Tolerance) -> bool:
    if wanted == given:
        return False
    if math.isfinite(wanted) and math.isfinite(given):
        return abs(given - wanted) > tolerance.absolute + tolerance.relative * abs(wanted)
    return not (math.isnan(wanted) and math.isnan(given))


def _differing(wanted: Array, given: Array, tolerance: Tolerance) -> Array | None:
    """Give which elements differ by too much; None where it is quickly seen that none does."""
    if wanted.dtype.kind != "f":
        return _differing_integers(wanted, given, tolerance)
    wanted, given = wanted.astype(np.float64), given.astype(np.float64)
    with np.errstate(all="ignore"):
        distance = np.abs(given - wanted)
        limit = np.abs(wanted) * tolerance.relative + tolerance.absolute
        near = distance <= limit
        # Only where something is not finite, or too far, is there anything more to look at.
        if near.all() and np.isfinite(distance.max()):
            return None
        near &= np.isfinite(wanted) & np.isfinite(given)
        same = (wanted == given) | (np.isnan(wanted) & np.isnan(given))
    differs: Array = ~(near | same)
    return differs


def _differing_integers(wanted: Array, given: Array, tolerance: Tolerance) -> Array:
    if tolerance == _EXACT:
        differs: Array = wanted != given
        return differs
    # Exact at any size: what wraps when signed is right when the bits are read unsigned.
    unsigned = f"u{wanted.dtype.itemsize}"
    distance = (np.maximum(wanted, given) - np.minimum(wanted, given)).view(unsigned)
    limit = np.abs(wanted.astype(np.float64)) * tolerance.relative + tolerance.absolute
    too_far: Array = distance.astype(np.float64) > limit
    return too_far


def _allowed(tolerance: Tolerance) -> str:
    return f"{tolerance.absolute:g} + {tolerance.relative:g} of it"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
