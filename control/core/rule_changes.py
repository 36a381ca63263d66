"""Which of two rules allows more, and what that means for who sends and who reads.

A tighter rule of requests refuses what was taken; a looser one of answers gives what nobody
expects.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from control.core.contract_diff import Change

_MAX_SHOWN: Final = 60

#: By the name of the rule: what it says. None, or no entry, allows anything.
Rules = Mapping[str, Any]
#: Whether the second value allows less than the first, and whether it allows more.
Comparison = Callable[[Any, Any], tuple[bool, bool]]


def changes(where: str, live: Rules, new: Rules, *, of_answers: bool = False) -> Iterator[Change]:
    """Give a sentence for each rule that allows less or more; ``where`` is put before its name.

    A rule is compared as the last part of its name says.
    """
    for name in {**live, **new}:
        was, now = live.get(name), new.get(name)
        tighter, looser = _COMPARISONS[name.rpartition(".")[2]](was, now)
        if tighter or looser:
            breaks = looser if of_answers else tighter
            yield breaks, f"{where}{name}: {_shown(was)} became {_shown(now)}"


def _at_most(live: float | None, new: float | None) -> tuple[bool, bool]:
    was, now = (math.inf if one is None else one for one in (live, new))
    return now < was, now > was


def _at_least(live: float | None, new: float | None) -> tuple[bool, bool]:
    was, now = (-math.inf if one is None else one for one in (live, new))
    return now > was, now < was


def _holds(live: object, new: object) -> tuple[bool, bool]:
    return bool(new) and not live, bool(live) and not new


def _rejects(live: str | None, new: str | None) -> tuple[bool, bool]:
    """Compare what happens to the others: nothing is milder than to be rejected."""
    if live is None or new is None:
        return False, False
    return _holds(live == "reject", new == "reject")


def _one_of(live: frozenset[Any] | None, new: frozenset[Any] | None) -> tuple[bool, bool]:
    if live is None or new is None:
        return live is not new and live is None, live is not new and new is None
    return bool(live - new), bool(new - live)


def _all_of(live: frozenset[Any] | None, new: frozenset[Any] | None) -> tuple[bool, bool]:
    was, now = live or frozenset(), new or frozenset()
    return bool(now - was), bool(was - now)


def _of_type(live: str | None, new: str | None) -> tuple[bool, bool]:
    was, now = (one and frozenset(_ALSO.get(one, (one,))) for one in (live, new))
    return _one_of(was or None, now or None)


def _incomparable(live: object, new: object) -> tuple[bool, bool]:
    """Compare what no program can: another one may allow less here, and more there."""
    if live is None or new is None:
        return live is not new and live is None, live is not new and new is None
    return live != new, live != new


#: An integer is a number too.
_ALSO: Final = {"number": ("number", "integer")}
_COMPARISONS: Final[Mapping[str, Comparison]] = {
    **dict.fromkeys(("max", "max_bytes", "max_chars", "request_bytes", "batch"), _at_most),
    **dict.fromkeys(("min", "min_bytes", "min_chars", "default"), _at_least),
    **dict.fromkeys(("finite", "integer", "required"), _holds),
    **dict.fromkeys(("on_excess", "other_parameters"), _rejects),
    **dict.fromkeys(("same_length", "prompt"), _all_of),
    **dict.fromkeys(("encoding", "pattern", "json_schema", "new_tokens"), _incomparable),
    "values": _one_of,
    "type": _of_type,
}


def _shown(value: object) -> str:
    if value is None:
        return "none"
    text = ", ".join(sorted(map(str, value))) if isinstance(value, frozenset) else str(value)
    if isinstance(value, bool):
        text = text.lower()
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
