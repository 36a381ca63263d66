"""Changes to a contract file, and the one rule for making them.

What the author has not said is added. What the author has said stays, unless traffic that passed
contradicts it; then it is changed, and the change says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: Keys from the top of the file to the place.
Path = tuple[str, ...]

MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One key gets a value, or is taken out where ``value`` is MISSING.

    ``contradiction`` is empty where the author had said nothing.
    """

    path: Path
    value: Any
    contradiction: str = ""


@dataclass(slots=True)
class Changes:
    """Collects changes to the values of a file, which may be empty."""

    present: Mapping[str, Any]
    made: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def get(self, path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
        """Give what the author has said; MISSING where nothing."""
        value: Any = self.present
        for key in path:
            if not isinstance(value, Mapping) or value.get(key) is None:
                return MISSING
            value = value[key]
        return value

    def has(self, path: Path) -> bool:
        """Whether the author has said something."""
        return self.get(path) is not MISSING

    def offer(self, path: Path, value: object) -> None:
        """Add what the author has not said; None is nothing to add."""
        if value is not None and not self.has(path):
            self.made.append(Change(path, value))

    def renew(self, path: Path, value: object) -> None:
        """Set what is learned and not written by hand."""
        if self.get(path) != value:
            self.made.append(Change(path, value))

    def contradict(self, path: Path, value: object, saw: str) -> None:
        """Change what the author has said and traffic does not keep; None takes it out."""
        if self.has(path):
            was = _shown(self.get(path))
            contradiction = f"{path[-1]} was {was}: {saw}"
            self.made.append(Change(path, MISSING if value is None else value, contradiction))

    def at_most(self, path: Path, high: float, proposed: float | None) -> None:
        """Propose a greatest value; ``high`` was seen."""
        said = self.get(path)
        if said is MISSING:
            self.offer(path, proposed)
        elif _is_number(said) and high > said:
            self.contradict(path, proposed, f"up to {high:.6g} was seen")

    def at_least(self, path: Path, low: float, proposed: float | None) -> None:
        """Propose a least value; ``low`` was seen."""
        said = self.get(path)
        if said is MISSING:
            self.offer(path, proposed)
        elif _is_number(said) and low < said:
            self.contradict(path, proposed, f"down to {low:.6g} was seen")

    def holds(self, path: Path, saw_breach: str) -> None:
        """Propose that a flag is set, if no breach was seen; else take it back."""
        if not saw_breach:
            self.offer(path, True)  # noqa: FBT003 - the flag's value
        elif self.get(path) is True:
            self.contradict(path, False, saw_breach)  # noqa: FBT003


def apply(present: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """Give the values that a file has after the changes; mappings left empty are left out."""
    result = _copied(present)
    for change in changes:
        _put(result, change.path, change.value)
    return result


def _put(tree: dict[str, Any], path: Path, value: object) -> None:
    key, rest = path[0], path[1:]
    if not rest and value is MISSING:
        tree.pop(key, None)
    elif not rest:
        tree[key] = value
    else:
        inner = tree.get(key)
        inner = tree[key] = inner if isinstance(inner, dict) else {}
        _put(inner, rest, value)
        if not inner:
            del tree[key]


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _copied(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = str(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - fits one line
