"""JSON trees that may hold what JSON does not allow, and the places in them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: A container and the key or index in it.
Place = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that stand in the JSON text as they are."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Repeated:
    """An object whose keys may come more than once."""

    pairs: tuple[tuple[str, Any], ...]


def write(tree: Any) -> bytes:
    """Write a tree as JSON text, with NaN and infinities as the words that Python has for them."""
    try:
        return json.dumps(tree, separators=(",", ":")).encode()
    except TypeError:  # something in it is no JSON
        return _write(tree)


def _write(tree: Any) -> bytes:
    match tree:
        case Raw(text):
            return text
        case Repeated(pairs):
            return _object(iter(pairs))
        case dict():
            return _object(iter(tree.items()))
        case list():
            return b"[" + b",".join(map(_write, tree)) + b"]"
        case _:
            return json.dumps(tree).encode()


def places(tree: Any) -> list[Place]:
    """List every value of a tree by its container and key, the outermost first."""
    found: list[Place] = []
    queue = [tree]
    for container in queue:
        for key in _keys(container):
            found.append((container, key))
            queue.append(container[key])
    return found


def copy(tree: Any) -> Any:
    """Copy containers, so that a mutation of the copy leaves the original as it is."""
    if isinstance(tree, dict):
        return {key: copy(value) for key, value in tree.items()}
    return [copy(value) for value in tree] if isinstance(tree, list) else tree


def nested(depth: int, inner: bytes, *, opening: bytes = b"[", closing: bytes = b"]") -> Raw:
    """Put a value into many arrays, or objects."""
    return Raw(opening * depth + inner + closing * depth)


def _object(pairs: Iterator[tuple[str, Any]]) -> bytes:
    return b"{" + b",".join(json.dumps(k).encode() + b":" + _write(v) for k, v in pairs) + b"}"


def _keys(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return list(container)
    return list(range(len(container))) if isinstance(container, list) else []
