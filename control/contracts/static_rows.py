"""From the values of a static answer, as a contract file writes them, to an output's bytes."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from control.core.contract import ANY_SIZE, TensorSpec
from control.core.datatypes import BYTES
from control.core.elements import NUMPY, pack_bytes
from control.core.number_rules import FLOATS, GREATEST_FLOATS, INTEGER_RANGES, nearest
from control.core.protection import StaticOutput

_UPPER_HALF: Final = np.uint32(16)


def static_output(spec: TensorSpec, row: object) -> StaticOutput:
    """Make one row of an output; raises ValueError with a sentence for the contract's author.

    Lists are nested as the output's dimensions are; a single value will do where all are 1.
    """
    shape, elements = _unfold(row)
    if not isinstance(row, list) and all(size in (1, ANY_SIZE) for size in spec.dims):
        shape = (1,) * len(spec.dims)
    sizes = zip(shape, spec.dims, strict=False)
    if len(shape) != len(spec.dims) or any(dim not in (size, ANY_SIZE) for size, dim in sizes):
        message = f"the model's config says dims {list(spec.dims)}, got {list(shape)}"
        raise ValueError(message)
    for element in elements:
        fault = _fault(element, spec.datatype)
        if fault:
            raise ValueError(fault)
    return StaticOutput(spec.name, spec.datatype, shape, _packed(elements, spec.datatype))


def static_fault(spec: TensorSpec, row: object) -> str:
    """Say why a row is none of the output; nothing where it is one."""
    try:
        static_output(spec, row)
    except ValueError as error:
        return str(error)
    return ""


def _unfold(row: object) -> tuple[tuple[int, ...], list[Any]]:
    """Give the sizes of nested lists, and what is in them in order."""
    shape: list[int] = []
    level: list[Any] = [row]
    while level and all(isinstance(one, list) for one in level):
        size = len(level[0])
        if any(len(one) != size for one in level):
            break
        shape.append(size)
        level = [inner for one in level for inner in one]
    if any(isinstance(one, list) for one in level):
        message = "its lists must be nested evenly, as the output's dimensions are"
        raise ValueError(message)
    return tuple(shape), level


def _fault(element: object, datatype: str) -> str:
    if datatype == BYTES:
        return "" if isinstance(element, str) else f"must be a text: put it in quotes ({element!r})"
    if datatype == "BOOL":
        return "" if isinstance(element, bool) else f"must be true or false, got {element!r}"
    if isinstance(element, bool) or not isinstance(element, (int, float)):
        return f"must be a number, as the datatype is {datatype}, got {element!r}"
    greatest = GREATEST_FLOATS.get(datatype, 0.0)
    low, high = (-greatest, greatest) if datatype in FLOATS else INTEGER_RANGES[datatype]
    if not low <= element <= high:
        return f"{datatype} holds {low}..{high}, got {element}"
    if datatype not in FLOATS and not float(element).is_integer():
        return f"{datatype} holds whole numbers only, got {element}"
    return ""


def _packed(elements: Sequence[Any], datatype: str) -> bytes:
    if datatype == BYTES:
        return pack_bytes([one.encode() for one in elements])
    if datatype == "BF16":
        rounded = np.array([nearest(one, datatype) for one in elements], np.float32)
        return (rounded.view(np.uint32) >> _UPPER_HALF).astype(np.uint16).tobytes()
    whole = datatype not in FLOATS
    return np.array(
        [math.trunc(one) if whole else one for one in elements], NUMPY[datatype]
    ).tobytes()
