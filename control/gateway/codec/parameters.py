"""Request parameters: what Triton gives a meaning of its own, and what it cannot carry."""

import math
from typing import Final

from control.core.tensors import Parameter
from control.errors import MalformedRequest

_RESERVED: Final = "triton_"
_FLAGS: Final = frozenset({"sequence_start", "sequence_end"})
_COUNTS: Final = frozenset({"priority", "timeout"})
#: Triton compares each with all before it: 40 000 take it three seconds.
_MAX_PARAMETERS: Final = 1024
_MAX_SEQUENCE_NAME_BYTES: Final = 128
_MAX_UINT64: Final = 2**64 - 1
_MIN_INT64: Final = -(2**63)


def checked_parameters(parameters: dict[str, Parameter]) -> dict[str, Parameter]:
    """Give the parameters as Triton takes them; raises MalformedRequest.

    Triton answers a mistyped one with 500, as if it were a failure of its own.
    """
    if len(parameters) > _MAX_PARAMETERS:
        message = f"request has {len(parameters)} parameters, at most {_MAX_PARAMETERS} are allowed"
        raise MalformedRequest(message)
    return {name: _checked(name, value) for name, value in parameters.items()}


def take_flag(parameters: dict[str, Parameter], name: str, path: str) -> bool:
    """Take a boolean out of the parameters; False where it is not there."""
    value = parameters.pop(name, False)
    if isinstance(value, bool):
        return value
    message = f"{path}.{name}: expected true or false, got {_shown(value)}"
    raise MalformedRequest(message)


def _checked(name: str, value: Parameter) -> Parameter:
    if name.startswith(_RESERVED):
        message = f"parameter '{name}' is reserved: names must not start with '{_RESERVED}'"
        raise MalformedRequest(message)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_UINT64
    if name in _FLAGS and not isinstance(value, bool):
        expected = "true or false"
    elif name in _COUNTS and not is_count:
        expected = "a number that is not negative"
    elif name == "sequence_id" and not (is_count or _is_sequence_name(value)):
        expected = f"a number, or a string of at most {_MAX_SEQUENCE_NAME_BYTES} bytes"
    elif "\0" in name or (isinstance(value, str) and "\0" in value):
        expected = "no NUL"  # Triton would end the name or the text there
    elif isinstance(value, float) and not math.isfinite(value):
        expected = "a finite number"
    elif isinstance(value, int) and not _MIN_INT64 <= value <= _MAX_UINT64:
        return _as_float(name, value)
    else:
        return value
    message = f"parameters.{name}: expected {expected}, got {_shown(value)}"
    raise MalformedRequest(message)


def _is_sequence_name(value: Parameter) -> bool:
    return isinstance(value, str) and len(value.encode()) <= _MAX_SEQUENCE_NAME_BYTES


def _as_float(name: str, value: int) -> float:
    try:
        return float(value)  # as Triton's own parser reads an integer past 64 bits
    except OverflowError as error:
        message = f"parameters.{name}: the number is too large"
        raise MalformedRequest(message) from error


def _shown(value: Parameter) -> str:
    return repr(value)[:64]
