"""Judges an answer by what golden.json expects of it. Pure."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from control.core.datatypes import BYTES
from control.core.elements import as_array, unpack_bytes
from control.core.tensors import AnswerTensor

#: What golden.json expects, by output.
Expectations = Mapping[str, Mapping[str, Any]]

#: Triton's names of errors, as golden.json has them, and the HTTP status of each.
ERROR_STATUSES: Final = {
    "INVALID_ARG": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNSUPPORTED": 501,
    "UNAVAILABLE": 503,
}
_EXCERPT: Final = 64


def answer_fault(answer: Sequence[AnswerTensor], expect: Expectations) -> str | None:
    """Give the first thing that is not as expected, None where all is."""
    outputs = {tensor.name: tensor for tensor in answer}
    for name, expectation in expect.items():
        if name not in outputs:
            return f"{name} must be there, got nothing"
        fault = _judged(elements(outputs[name]), expectation)
        if fault is not None:
            return name + fault
    return None


def _judged(values: Sequence[Any], expectation: Mapping[str, Any]) -> str | None:
    """Have it judged; where the two cannot be compared, that is the fault."""
    try:
        return values_fault(values, expectation)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        kinds = ", ".join(sorted(expectation))
        return f" cannot be judged by {kinds}: {type(error).__name__}: {error}"


def values_fault(values: Sequence[Any], expectation: Mapping[str, Any]) -> str | None:
    """Give place, limit and got of the first element, rows end to end, that is not as expected."""
    match expectation:
        case {"equal": wanted}:
            wanted = [_element(one) for one in wanted]
            return _length_fault(values, wanted) or _first(
                (f"be {_shown(want)}", value, value == want)
                for want, value in zip(wanted, values, strict=True)
            )
        case {"min": low, "max": high}:
            return _first((f"be within {low}..{high}", one, low <= one <= high) for one in values)
        case {"near": wanted, "tolerance": within}:
            return _length_fault(values, wanted) or _first(
                (f"be {want} within {within}", value, abs(value - want) <= within)
                for want, value in zip(wanted, values, strict=True)
            )
    return f" cannot be judged: unknown expectation {sorted(expectation)}"


def elements(tensor: AnswerTensor) -> list[Any]:
    """Give an answer's elements as Python has them; texts as bytes."""
    if tensor.datatype == BYTES:
        return [bytes(one) for one in unpack_bytes(tensor.data)]
    values: list[Any] = as_array(tensor.data, tensor.datatype).tolist()
    return values


def _first(judged: Iterable[tuple[str, Any, bool]]) -> str | None:
    for place, (rule, value, is_kept) in enumerate(judged):
        if not is_kept:
            return f"[{place}] must {rule}, got {_shown(value)}"
    return None


def _length_fault(values: Sequence[Any], wanted: Sequence[Any]) -> str | None:
    if len(values) == len(wanted):
        return None
    return f" must have {len(wanted)} elements, got {len(values)}"


def _element(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, dict):
        return base64.b64decode(value["base64"])
    return value.encode() if isinstance(value, str) else value


def _shown(value: Any) -> str:  # noqa: ANN401 - an element
    if not isinstance(value, bytes):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    text = value[:_EXCERPT].decode(errors="replace")
    return repr(text if len(value) <= _EXCERPT else f"{text}...")
