"""Changes a YAML file where it must change; comments, order and layout around it stay.

Whatever cannot be edited so (anchors, keys that would leave nothing behind) is written anew. The
result is parsed and compared with what it must say, so a slip here costs comments, never content.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import yaml

from control.contracts.faults import ContractBroken
from control.contracts.yaml_tree import parse_yaml
from control.learning.changes import MISSING, Change, apply
from control.learning.yaml_text import as_block, as_comment, as_flow

_STEP: Final = 2

_Tree = dict[str, Any]


class _Edit(NamedTuple):
    """Replaces the characters ``start`` to ``end``; of two at one place the deeper comes first."""

    start: int
    depth: int
    end: int
    text: str


def edit_yaml(text: str, present: Mapping[str, Any], changes: Sequence[Change]) -> str:
    """Give the file ``text``, whose values are ``present``, with the changes made."""
    wanted = apply(present, changes)
    if not changes:
        return text
    edited = _edited(text, wanted, changes)
    if edited is not None and _values_of(edited) == wanted:
        return edited
    reasons = [as_comment(one.contradiction, 0) for one in changes if one.contradiction]
    return "".join(reasons) + as_block(wanted, 0)


def _values_of(text: str) -> Any:  # noqa: ANN401 - whatever it holds
    try:
        return parse_yaml(text.encode(), "").values
    except ContractBroken:
        return None


def _edited(text: str, wanted: _Tree, changes: Sequence[Change]) -> str | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    tree = _tree_of(changes)
    if root is None:
        return _with_line_end(text) + as_block(_plain(tree), 0)
    if not isinstance(root, yaml.MappingNode):
        return None
    editor = _Editor(_with_line_end(text))
    edits = list(editor.in_mapping(root, tree, wanted, 0))
    result = editor.text
    for one in sorted(edits, key=lambda edit: (-edit.start, edit.depth)):
        result = result[: one.start] + one.text + result[one.end :]
    return result


class _Editor:
    def __init__(self, text: str) -> None:
        self.text = text

    def in_mapping(
        self, node: yaml.MappingNode, tree: _Tree, wanted: _Tree, depth: int
    ) -> Iterator[_Edit]:
        """Give the edits that bring a mapping to what ``tree`` says, which is ``wanted``."""
        if node.flow_style:
            yield from self._rewrite(node, tree, wanted, depth)
            return
        entries = {key.value: (key, value) for key, value in node.value}
        for name in tree.keys() & entries.keys():
            (key, value), one = entries[name], tree[name]
            if isinstance(one, Change):
                yield from self._change(key, value, one, depth)
            elif isinstance(value, yaml.MappingNode):
                yield from self.in_mapping(value, one, wanted.get(name, {}), depth + 1)
            else:  # a key without a value
                lines = as_block(_plain(one), key.start_mark.column + _STEP).rstrip("\n")
                yield _Edit(key.end_mark.index, depth, self._end_of(value), f":\n{lines}")
        missing = _plain({name: one for name, one in tree.items() if name not in entries})
        if missing:
            yield self._insert(node, missing, depth)

    def _insert(self, node: yaml.MappingNode, new: _Tree, depth: int) -> _Edit:
        column = node.value[0][0].start_mark.column
        at = self._next_line(self._end_of(node))
        gap = "" if depth else "\n"
        blocks = [gap + as_block({name: value}, column) for name, value in new.items()]
        return _Edit(at, depth, at, "".join(blocks))

    def _rewrite(
        self, node: yaml.MappingNode, tree: _Tree, wanted: _Tree, depth: int
    ) -> Iterator[_Edit]:
        """Write a mapping in braces anew; what there is to say stands above its line."""
        line, column = self._line_of(node)
        comments = "".join(as_comment(one, column) for one in _contradictions(tree))
        yield _Edit(line, depth, line, comments)
        yield _Edit(node.start_mark.index, depth, node.end_mark.index, as_flow(wanted))

    def _change(
        self, key: yaml.Node, value: yaml.Node, change: Change, depth: int
    ) -> Iterator[_Edit]:
        line, column = self._line_of(key)
        comment = as_comment(change.contradiction, column)
        if change.value is MISSING:
            end = self._next_line(self._end_of(value))
            was = [one[column:].rstrip() for one in self.text[line:end].splitlines()]
            lines = "".join(f"{' ' * column}# {one}\n" for one in was)
            yield _Edit(line, depth, end, comment + lines)
            return
        yield _Edit(line, depth, line, comment)
        new = f": {as_flow(change.value)}"
        yield _Edit(key.end_mark.index, depth, self._end_of(value), new)

    def _line_of(self, node: yaml.Node) -> tuple[int, int]:
        """Give where a node's line begins, and where on it the text does."""
        start = self.text.rfind("\n", 0, node.start_mark.index) + 1
        rest = self.text[start:]
        return start, len(rest) - len(rest.lstrip(" "))

    def _end_of(self, node: yaml.Node) -> int:
        """Give where a node's own text ends, without the comments and blank lines after it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end_of(last[1] if isinstance(last, tuple) else last)
        return len(self.text[: node.end_mark.index].rstrip())

    def _next_line(self, index: int) -> int:
        return self.text.index("\n", index) + 1


def _tree_of(changes: Sequence[Change]) -> _Tree:
    tree: _Tree = {}
    for change in changes:
        place = tree
        for key in change.path[:-1]:
            place = place.setdefault(key, {})
        place[change.path[-1]] = change
    return tree


def _plain(tree: _Tree) -> dict[str, Any]:
    """Give the values of new keys."""
    found: dict[str, Any] = {}
    for name, one in tree.items():
        if isinstance(one, Change):
            if one.value is not MISSING:
                found[name] = one.value
        elif inner := _plain(one):
            found[name] = inner
    return found


def _contradictions(tree: _Tree) -> Iterator[str]:
    for one in tree.values():
        if isinstance(one, Change):
            yield one.contradiction
        else:
            yield from _contradictions(one)


def _with_line_end(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
