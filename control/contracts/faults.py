"""What is wrong in a contract file, and where: file, line, key, and what would be right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Key = tuple[str | int, ...]
#: What is wrong at a key; the file's reader knows the line.
Complaint = tuple[Key, str]

_MAX_FAULTS: Final = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``file`` is relative to the model's folder; ``line`` counts from 1, 0 is none."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        """Write it as compilers do: file, line, key, message."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ContractBroken(Exception):
    """A contract file that cannot be used; says what is wrong with it, a hundred faults at most."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Keep the faults, of which there is at least one."""
        super().__init__(tuple(faults))
        kept = tuple(faults[:_MAX_FAULTS])
        left = len(faults) - len(kept)
        if left:
            kept += (Fault(kept[0].file, 0, "", f"{left} more faults are not listed"),)
        self.faults = kept

    def __str__(self) -> str:
        """Write all faults in one line."""
        return "; ".join(map(str, self.faults))


def dotted(key: Key) -> str:
    """Write a key path as a reader would: ``inputs.X.dims[0].min``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def unknown_name(what: str, known: Mapping[str, object]) -> str:
    """Say that there is no such thing, and what there is."""
    names = ", ".join(sorted(known))
    return f"no such {what}; there {'is' if len(known) == 1 else 'are'}: {names or 'none'}"
