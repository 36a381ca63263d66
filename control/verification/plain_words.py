"""What models and violations say, in one line without frames and paths."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from control.core.violations import Violation
from control.triton.error_texts import scrub

_SHOWN: Final = 5


def plain(text: str, folder: Path | None = None) -> str:
    """Write a message that others may read: paths within ``folder`` become relative to it."""
    text = text.replace(f"{folder}/", "") if folder else text
    return " ".join(scrub(text).rstrip("; \n").split())


def listed(parts: Iterable[str], between: str = "; ") -> str:
    """Write the first few, and how many more there are."""
    every = list(parts)
    more = len(every) - _SHOWN
    return between.join([*every[:_SHOWN], f"and {more} more"] if more > 0 else every)


def violations_told(violations: Iterable[Violation]) -> str:
    """Write what is wrong, where, the limit and what was got."""
    return listed(f"{one.path} ({one.rule}): {one.limit}, got {one.got}" for one in violations)


def named(names: Iterable[str]) -> str:
    """Write each name once, the first few."""
    return listed(dict.fromkeys(names), ", ")
