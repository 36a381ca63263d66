"""What was found in a repository, fault by fault."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from control.contracts.faults import Fault


@dataclass(slots=True)
class Report:
    """All faults of one look through a repository, and what was looked at.

    ``faults`` name files relative to the repository; ``checked`` counts what was right, by kind.
    """

    faults: list[Fault] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> None:
        """Note that one thing of a kind was looked at."""
        self.checked[kind] = self.checked.get(kind, 0) + 1

    def add(self, folder: str, faults: Iterable[Fault]) -> None:
        """Add faults that were found in a model's folder."""
        for fault in faults:
            file = f"{folder}/{fault.file}" if fault.file else folder
            self.faults.append(Fault(file, fault.line, fault.key, fault.message))

    def document(self) -> dict[str, Any]:
        """Give everything for JSON."""
        return {
            "ok": not self.faults,
            "checked": self.checked,
            "faults": [
                {"file": one.file, "line": one.line, "key": one.key, "message": one.message}
                for one in self.faults
            ],
        }
