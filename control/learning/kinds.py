"""Lists of the few values that an input takes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from control.core.datatypes import BYTES
from control.learning.changes import MISSING, Changes, Path
from control.learning.summary import InputSummary, breach_key

#: Each value of a list must have come this often: one that came once or twice says that there
#: are more (Good and Turing's estimate of what is unseen counts the values seen once).
_LEAST_REPEATS: Final = 5


def propose_kinds(
    changes: Changes, path: Path, one: InputSummary, breaches: Mapping[str, int]
) -> bool:
    """Propose a list of values where a range would say less; tell whether a list holds."""
    key = (*path, "values")
    said = changes.get(key)
    if said is MISSING:
        kinds = _kinds_of(one)
        changes.offer(key, kinds)
        return kinds is not None
    others = [value for value, _ in one.distinct or () if value not in said]
    if others:
        changes.contradict(key, [*said, *others], "other values were seen")
    elif one.distinct is None and breaches.get(breach_key(".".join(path), "values")):
        changes.contradict(key, None, "many other values were seen")
        return False
    return True


def _kinds_of(one: InputSummary) -> list[int | str] | None:
    """Give the few values that an input takes, in order; None where there is no such list."""
    if one.datatype == "BOOL" or not one.distinct or len(one.distinct) == 1:
        return None
    if any(count < _LEAST_REPEATS for _, count in one.distinct):
        return None
    if one.datatype == BYTES:
        return sorted((value for value, _ in one.distinct), key=str)
    numbers = sorted(value for value, _ in one.distinct if isinstance(value, int))
    has_gaps = any(high - low > 1 for low, high in pairwise(numbers))
    return [*numbers] if has_gaps else None  # without gaps a range says the same
