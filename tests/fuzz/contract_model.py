"""What the contracts of ``models`` say, once more and as plainly as can be."""

import math
import re
import struct
from typing import Any, Final

from tests.fuzz.repository import SPECIAL_TOKENS

_MAX_BODY_BYTES: Final = 4096
#: Words of a text that ``clipped`` keeps: it cuts at six tokens.
CLIPPED_WORDS: Final = 6 - SPECIAL_TOKENS
_TEXT: Final = re.compile(r"[A-Za-z0-9 ,.!?']{1,80}")
_NAME: Final = re.compile(r"[a-z]{0,20}")
_INT8: Final = {-1, 0, 1, 2}


def is_ranged(
    shape: list[int], values: list[float], parameters: dict[str, Any], body_bytes: int
) -> bool:
    """Whether ``ranged`` takes these numbers and parameters."""
    return (
        body_bytes <= _MAX_BODY_BYTES
        and len(shape) == 2
        and 1 <= shape[0] <= 8
        and 1 <= shape[1] <= 16
        and len(values) == math.prod(shape)
        and all(-1000 <= as_fp32(one) <= 1000 for one in values)
        and all(_is_parameter(name, value) for name, value in parameters.items())
    )


def as_fp32(value: float) -> float:
    """Round as a tensor of FP32 does; what does not fit becomes not-a-number."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.nan
    return rounded


def _is_parameter(name: str, value: Any) -> bool:
    match name:
        case "temperature":
            return _is_number(value) and 0 <= value <= 2
        case "top_k":
            return _is_integer(value) and 1 <= value <= 100
        case "mode":
            return value in ("fast", "good")
        case "verbose":
            return isinstance(value, bool)
        case "priority":  # Triton's own: a number that is not negative
            return _is_integer(value) and value >= 0
        case _:
            return False


def is_text(texts: list[str], counts: list[list[int]] | None, parameters: dict[str, Any]) -> bool:
    """Whether ``text`` takes these texts, these numbers beside them, and these parameters."""
    asked = parameters.get("max_tokens", 4)
    tokens = [len(one.split()) + SPECIAL_TOKENS for one in texts]
    return (
        1 <= len(texts) <= 4
        and all(map(_TEXT.fullmatch, texts))
        and (counts is None or _are_counts(counts, len(texts)))
        and _is_integer(asked)
        and 1 <= asked <= 64
        and parameters.get("style", "plain") in ("plain", "rich")
        and all(one <= 12 and one + asked <= 40 for one in tokens)
    )


def _are_counts(counts: list[list[int]], rows: int) -> bool:
    widths = {len(row) for row in counts}
    return (
        len(counts) == rows
        and widths <= {1, 2, 3, 4}
        and all(0 <= one <= 50 for row in counts for one in row)
    )


def is_document(value: Any) -> bool:
    """Whether ``document`` takes this JSON value."""
    if not isinstance(value, dict) or value.keys() - {"name", "size", "tags", "node", "any"}:
        return False
    name = value.get("name")
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and ("size" not in value or _is_size(value["size"]))
        and ("tags" not in value or _are_tags(value["tags"]))
        and ("node" not in value or _is_node(value["node"]))
    )


def _is_size(value: Any) -> bool:
    is_whole = _is_number(value) and float(value).is_integer()
    return is_whole and 0 <= value <= 1000


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_tags(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 5
        and all(isinstance(one, str) for one in value)
        and len(set(value)) == len(value)
    )


def _is_node(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and not value.keys() - {"child", "value"}
        and ("child" not in value or _is_node(value["child"]))
        and ("value" not in value or _is_number(value["value"]))
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def are_elements(datatype: str, rows: int, values: list[Any]) -> bool:
    """Whether ``every_type`` takes these elements, which are of their datatype."""
    return 1 <= rows <= 8 and _keep_rules(datatype, rows, values)


def _keep_rules(datatype: str, rows: int, values: list[Any]) -> bool:
    match datatype:
        case "INT8":
            return set(values) <= _INT8
        case "UINT8":
            return all(one <= 200 for one in values)
        case "INT32":
            return all(-100 <= one <= 100 for one in values)
        case "FP64":
            return all(math.isfinite(one) and one.is_integer() for one in values)
        case "BYTES":
            return len(values) <= 8 * rows and all(len(one) <= 64 for one in values)
        case _:
            return True
