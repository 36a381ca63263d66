"""Parses YAML to plain values and remembers on which line each key stands.

Stricter than YAML: a key given twice is a fault, and so is a file that unfolds to more than it
shows (aliases of aliases).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from control.contracts.faults import ContractBroken, Fault, Key, dotted

MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_NODES: Final = 50_000
_MAX_DEPTH: Final = 64
_EXCERPT: Final = 64

_TAG: Final = "tag:yaml.org,2002:"
_CONTAINERS: Final = frozenset({f"{_TAG}map", f"{_TAG}seq"})
_VALUES: Final = frozenset({f"{_TAG}{one}" for one in ("null", "bool", "int", "float")})
#: Texts, and texts that only YAML takes for more.
_TEXTS: Final = frozenset({f"{_TAG}{one}" for one in ("str", "timestamp", "value", "merge")})
#: A number to everybody but YAML 1.1, which wants a point and the exponent's sign in it.
_FLOAT: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+")


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
        line = text[: error.start].count(b"\n") + 1
        raise _broken(file, line, f"is not UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 0
        raise _broken(file, line, f"is not YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.decode("utf-8")[: error.position].count("\n") + 1
        message = f"is not YAML: the character U+{error.character:04X} is not allowed"
        raise _broken(file, line, message) from error
    except RecursionError as error:
        raise _broken(file, 0, "is not YAML: it is nested too deeply") from error
    tree = YamlTree(file, {})
    if root is None or root.tag == f"{_TAG}null":
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
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        if node.tag not in _CONTAINERS:
            self.faults.append(self._tree.fault(key, _no_tag(node)))
        if isinstance(node, yaml.MappingNode):
            return {name: self.read(value, (*key, name)) for name, value in self._keys(node, key)}
        return [self.read(item, (*key, index)) for index, item in enumerate(node.value)]

    def _keys(self, node: yaml.MappingNode, key: Key) -> Iterator[tuple[str, yaml.Node]]:
        seen: set[str] = set()
        for name_node, value in node.value:
            name = name_node.value if isinstance(name_node, yaml.ScalarNode) else ""
            self._tree.lines[(*key, name)] = name_node.start_mark.line + 1
            what = ""
            if not name or not _is_text(name):
                what, name = "keys must be plain words", ""
            elif name_node.tag == f"{_TAG}merge":
                what = "merging (<<) is not allowed: say what holds here"
            elif name in seen:
                what = f"key '{name}' is given twice"
            if what:
                self.faults.append(self._tree.fault((*key, name), what))
            seen.add(name)
            yield name, value

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:  # noqa: ANN401 - any scalar
        text = str(node.value)
        what = ""
        if node.tag in _TEXTS:
            if _FLOAT.fullmatch(text) and not node.style:
                return float(text)
            if _is_text(text):
                return text
            what = "is no text: half of a surrogate pair stands in it"
        elif node.tag in _VALUES:
            try:
                value = self._scalars.construct_object(node)
                str(value)  # one that Python takes in hexadecimal may be too long to be written
            except (ValueError, LookupError):
                what = f"is no {node.tag.removeprefix(_TAG)}: '{text[:_EXCERPT]}'"
            else:
                return value
        self.faults.append(self._tree.fault(key, what or _no_tag(node)))
        return None


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_tag(node: yaml.Node) -> str:
    tag = str(node.tag).replace(_TAG, "!!")
    return f"the tag {tag} is not allowed: only plain values, lists and mappings are"


def _broken(file: str, line: int, message: str) -> ContractBroken:
    return ContractBroken([Fault(file, line, "", message)])
