"""Writes plain values as YAML, one key a line, lists on one line."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

_STEP: Final = 2


def as_block(values: Mapping[str, Any], column: int) -> str:
    """Write a mapping in lines that begin at ``column``."""
    lines: list[str] = []
    for name, value in values.items():
        head = f"{' ' * column}{as_flow(name)}:"
        if isinstance(value, Mapping) and value:
            lines += [f"{head}\n", as_block(value, column + _STEP)]
        else:
            lines.append(f"{head} {as_flow(value)}\n")
    return "".join(lines)


def as_flow(value: object) -> str:
    """Write a value on one line, fit to stand anywhere."""
    return _dumped([value])[1:-1]


def as_comment(text: str, column: int) -> str:
    """Write a comment line; nothing for no text."""
    return f"{' ' * column}# {' '.join(text.split())}\n" if text else ""


def _dumped(value: object) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=2**31, allow_unicode=True, sort_keys=False
    )
    return text.strip()
