"""Puts proposed limits into a model's contract file, whose comments and layout stay."""

from pathlib import Path
from typing import Any, Final

import yaml

from control.contracts.faults import ContractBroken
from control.contracts.files import find_contract
from control.contracts.reading import read_document
from control.contracts.yaml_tree import parse_yaml
from control.learning.yaml_edit import edit_yaml
from control.learning.yaml_text import as_comment
from control.profiling.proposal import LIMITS, MEMORY, Proposal, changes_for
from control.profiling.scratch import CannotProfile
from control.repository.names import CONTRACT

_MARK: Final = "# Profiled: "


def write_limits(folder: Path, version: int, proposal: Proposal) -> Path:
    """Merge into the file that holds for the version, or begin one; raises CannotProfile."""
    file = find_contract(folder, version) or folder / CONTRACT
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        file.write_text(merged(text, file.name, proposal), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"'{file}' cannot be written: {error}"
        raise CannotProfile(message) from error
    except ContractBroken as error:
        message = f"'{file}' is broken, nothing was written: {error}"
        raise CannotProfile(message) from error
    return file


def merged(text: str, name: str, proposal: Proposal) -> str:
    """Give the file's text with the limits in it; raises ContractBroken."""
    present = parse_yaml(text.encode(), name).values
    changes = changes_for(proposal, present)
    if not changes.made:
        return text
    edited = edit_yaml(text, present, changes.made)
    touched = {change.path[1] for change in changes.made}
    for key in ("deadline_ms", "concurrency", MEMORY):
        if key in touched:
            edited = _with_reason(edited, key, proposal.reasons[key])
    read_document(parse_yaml(edited.encode(), name))
    return edited


def _with_reason(text: str, key: str, reason: str) -> str:
    """Put the reason above the key's line, in place of an earlier one; not into braces."""
    mark = _place(text, key)
    if mark is None:
        return text
    lines = text.splitlines(keepends=True)
    if mark.line and lines[mark.line - 1].lstrip().startswith(_MARK):
        lines[mark.line - 1] = ""
    lines[mark.line] = as_comment(reason, mark.column) + lines[mark.line]
    return "".join(lines)


def _place(text: str, key: str) -> Any:  # noqa: ANN401 - PyYAML's mark
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode):
        for name, node in root.value:
            if name.value == LIMITS and isinstance(node, yaml.MappingNode) and not node.flow_style:
                for inner, _ in node.value:
                    if inner.value == key:
                        return inner.start_mark
    return None
