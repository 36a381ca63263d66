"""Prepares a JSON Schema for saying what is wrong with a text, at no more cost than finding out.

Whether a document is valid is answered quickly: the validator stops at the first fault. To list
faults it collects all of them, and for each failed ``anyOf`` all faults of all branches on every
level. A megabyte of wrong numbers would take seconds, forty nested branches for ever.
"""

from typing import Any, Final

_BRANCHES: Final = ("anyOf", "oneOf")
#: Keywords that hold one schema, a list of them, or a mapping to them, and list their faults.
_ONE: Final = frozenset({"items", "additionalProperties", "then", "else", "propertyNames"})
_LISTS: Final = frozenset({"allOf", "prefixItems"})
_MAPPINGS: Final = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
)
_DEFINITIONS: Final = ("$defs", "definitions")
_MAX_SIZE: Final = 2000

Json = Any


def without_branches(schema: Json) -> Json:
    """Give a schema that refuses the same, and has one fault for an ``anyOf`` or ``oneOf``.

    Within a double ``not`` the validator only asks for yes or no.
    """
    if not isinstance(schema, dict):
        return schema
    plain = {key: _inner(key, value) for key, value in schema.items() if key not in _BRANCHES}
    closed = [{"not": {"not": {key: schema[key]}}} for key in _BRANCHES if key in schema]
    if closed:
        plain["allOf"] = [*plain.get("allOf", []), *closed]
    return plain


def branch_keyword(message: str) -> str | None:
    """Give the keyword that a message about ``not`` is really about; it begins with the schema."""
    starts = {f'{{"not":{{"{one}":': one for one in _BRANCHES}
    return next((one for start, one in starts.items() if message.startswith(start)), None)


def unfolded_size(schema: Json) -> int | None:
    """Count what a schema says, each ``$ref`` replaced by its target; None if that has no end.

    A document of n values has at most n times as many faults.
    """
    size = 0
    waiting: list[tuple[Json, frozenset[str]]] = [(schema, frozenset())]
    while waiting:
        node, entered = waiting.pop()
        size += 1
        if size > _MAX_SIZE:
            return None
        if isinstance(node, list):
            waiting += [(one, entered) for one in node]
        elif isinstance(node, dict):
            ref = node.get("$ref", node.get("$dynamicRef"))
            if isinstance(ref, str):
                target = _definition(schema, ref)
                if target is None or ref in entered:
                    return None
                waiting.append((target, entered | {ref}))
            waiting += [(one, entered) for key, one in node.items() if key not in _DEFINITIONS]
    return size


def _inner(key: str, value: Json) -> Json:
    if key in _ONE:
        return without_branches(value)
    if key in _LISTS and isinstance(value, list):
        return [without_branches(one) for one in value]
    if key in _MAPPINGS and isinstance(value, dict):
        return {name: without_branches(one) for name, one in value.items()}
    return value


def _definition(schema: Json, ref: str) -> Json:
    """Look up the usual form of a reference; None for all others."""
    start, _, name = ref.rpartition("/")
    place = start.removeprefix("#/")
    found = schema.get(place) if place in _DEFINITIONS and isinstance(schema, dict) else None
    return found.get(name) if isinstance(found, dict) else None
