"""Parses YAML to plain values and remembers on which line each key stands.

Stricter than YAML: a key given twice is a fault, and so is a file that unfolds to more than it
shows (aliases of aliases).
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from control.contracts.faults import ContractBroken, Fault, Key, dotted

MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_NODES: Final = 50_000
_MAX_DEPTH: Final = 64


@dataclass(slots=True)
class YamlTree:
    """The values of one file, and the lines of its keys."""

    file: str
    values: dict[str, Any]
    lines: dict[Key, int] = field(default_factory=dict)

    def line_of(self, key: Key) -> int:
        """Give the line of a key, or of the nearest one above it that the file has."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def fault(self, key: Key, message: str) -> Fault:
        """Make a fault at a key."""
        return Fault(self.file, self.line_of(key), dotted(key), message)


def parse_yaml(text: bytes, file: str) -> YamlTree:
    """Parse one file whose top level is a mapping; raises ContractBroken."""
    if len(text) > MAX_FILE_BYTES:
        raise _broken(file, 0, f"has {len(text)} bytes, at most {MAX_FILE_BYTES} are allowed")
    try:
        root = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise _broken(file, 0, f"is not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 0
        raise _broken(file, line, f"is not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _broken(file, 0, f"is not YAML: {str(error)[:200]}") from error
    tree = YamlTree(file, {})
    if root is None:
        return tree
    if not isinstance(root, yaml.MappingNode):
        raise _broken(file, 1, "must be a mapping of keys to values")
    reader = _Reader(tree)
    tree.values = reader.read(root, ())
    if reader.faults:
        raise ContractBroken(reader.faults)
    return tree


class _Reader:
    def __init__(self, tree: YamlTree) -> None:
        self.faults: list[Fault] = []
        self._tree = tree
        self._nodes = 0
        self._scalars = yaml.SafeLoader("")

    def read(self, node: yaml.Node, key: Key) -> Any:  # noqa: ANN401 - whatever YAML holds
        self._nodes += 1
        line = node.start_mark.line + 1
        if self._nodes > _MAX_NODES or len(key) > _MAX_DEPTH:
            what = f"{_MAX_NODES} values" if self._nodes > _MAX_NODES else f"{_MAX_DEPTH} levels"
            raise _broken(self._tree.file, line, f"unfolds to more than {what}")
        self._tree.lines.setdefault(key, line)
        if isinstance(node, yaml.MappingNode):
            return {name: self.read(value, (*key, name)) for name, value in self._keys(node, key)}
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*key, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _keys(self, node: yaml.MappingNode, key: Key) -> Iterator[tuple[str, yaml.Node]]:
        seen: set[str] = set()
        for name_node, value in node.value:
            name = name_node.value if isinstance(name_node, yaml.ScalarNode) else ""
            self._tree.lines[(*key, name)] = name_node.start_mark.line + 1
            if not name or name in seen:
                what = f"key '{name}' is given twice" if name else "keys must be plain words"
                self.faults.append(self._tree.fault((*key, name), what))
            seen.add(name)
            yield name, value

    def _scalar(self, node: yaml.Node, key: Key) -> Any:  # noqa: ANN401 - any scalar
        try:
            value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self.faults.append(self._tree.fault(key, f"is no plain value: {str(error)[:200]}"))
            return None
        if isinstance(value, (dt.date, bytes)):
            return node.value  # a text that only YAML takes for more
        return value


def _broken(file: str, line: int, message: str) -> ContractBroken:
    return ContractBroken([Fault(file, line, "", message)])
