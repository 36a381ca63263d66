"""Every key that `contract.yaml` may have, as dotted paths without the names of tensors."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args, get_origin

from control.contracts.document import ContractDocument
from control.contracts.parts import Part

_ANY_NAME: Final = "*"

#: Where the keys stand that refuse no request for what is in it, but guard the version.
_PROTECTION: Final = (
    "limits.deadline_ms",
    "limits.concurrency",
    "limits.queue",
    "limits.memory",
    "priority",
    "breaker",
    "retries",
    "deterministic",
    "cache",
    "fallbacks",
    "canary",
)


def document_keys() -> set[str]:
    """All keys that hold no further keys: `inputs.tokens.max`, `rules.same_length`."""
    return {_dotted(path) for path in _paths(ContractDocument)}


def protection_keys() -> set[str]:
    """The keys about load, failure and new versions."""
    return {one for one in document_keys() if f"{one}.".startswith(_under(_PROTECTION))}


def keys_in(document: Mapping[str, Any]) -> set[str]:
    """The keys that one contract file uses."""
    return {_dotted(path) for path in _paths(ContractDocument) if _is_used(document, path)}


def _under(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{place}." for place in places)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(part for part in path if part != _ANY_NAME)


def _paths(part: type[Part]) -> Iterator[tuple[str, ...]]:
    for name, field in part.model_fields.items():
        inner = list(_parts_in(field.annotation))
        start = (name, _ANY_NAME) if _is_by_name(field.annotation) else (name,)
        yield from ((*start, *path) for one in inner for path in _paths(one))
        if not inner:
            yield (name,)


def _parts_in(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts_in(argument)


def _is_by_name(annotation: Any) -> bool:
    options = [annotation, *get_args(annotation)]
    return any(get_origin(one) is dict and any(_parts_in(one)) for one in options)


def _is_used(value: Any, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if isinstance(value, list):
        return any(_is_used(one, path) for one in value)
    if not isinstance(value, Mapping):
        return False
    if path[0] == _ANY_NAME:
        return any(_is_used(one, path[1:]) for one in value.values())
    return path[0] in value and _is_used(value[path[0]], path[1:])
