"""What is proposed for the texts of one input."""

from collections.abc import Mapping
from typing import Final

from control.learning.bounds import least_count, upper_bytes, upper_count
from control.learning.changes import Changes, Path
from control.learning.kinds import propose_kinds
from control.learning.summary import (
    BYTES_LENGTH,
    CHARS,
    TOKENS,
    FeatureSummary,
    InputSummary,
    breach_key,
)

#: Rules that a text which is no UTF-8 breaks, whatever they say.
_OF_TEXT: Final = ("encoding", "min_chars", "max_chars", "pattern", "tokens")
#: A text that breaks one of these is not looked at further.
_CHECKED_FIRST: Final = ("max_bytes", "encoding", "min_chars", "max_chars")
_CHECKED_LAST: Final = ("pattern", "json_schema", "values")


def propose_texts(
    changes: Changes, name: str, one: InputSummary, breaches: Mapping[str, int]
) -> None:
    """Propose lengths in bytes, characters and tokens, and a list of kinds where they are few."""
    path: Path = ("inputs", name)
    lengths = one.features.get(BYTES_LENGTH)
    if lengths is None:
        return
    if one.no_text:
        _give_up_texts(changes, path)
    else:
        _propose_chars(changes, path, one)
        _propose_tokens(changes, path, one.features.get(TOKENS))
    changes.at_least((*path, "min_bytes"), lengths.low, None)
    changes.at_most((*path, "max_bytes"), lengths.high, upper_bytes(int(lengths.high)) or None)
    propose_kinds(changes, path, one, breaches)
    for key in ("pattern", "json_schema"):
        count = breaches.get(breach_key(f"inputs.{name}", key))
        if count and not (one.no_text and key == "pattern"):
            changes.contradict((*path, key), None, f"{count} requests broke it")
    _note_unchecked(changes, path, breaches)


def _note_unchecked(changes: Changes, path: Path, breaches: Mapping[str, int]) -> None:
    """Note which rules say nothing of some texts: those that broke another rule before."""
    place = ".".join(path)
    if any(breaches.get(breach_key(place, rule)) for rule in _CHECKED_FIRST):
        for key in _CHECKED_LAST:
            if changes.has((*path, key)) and not breaches.get(breach_key(place, key)):
                changes.notes.append(
                    f"input {path[1]}: texts that broke other limits were not held against '{key}'"
                )


def _give_up_texts(changes: Changes, path: Path) -> None:
    for key in _OF_TEXT:
        if key == "tokens" and changes.has(("rules",)):
            changes.notes.append(
                f"input {path[1]}: texts that are not UTF-8 were seen; 'tokens' is kept, as 'rules'"
                f" may need it"
            )
        else:
            changes.contradict((*path, key), None, "texts that are not UTF-8 were seen")


def _propose_chars(changes: Changes, path: Path, one: InputSummary) -> None:
    chars = one.features.get(CHARS)
    if one.uncounted:
        changes.notes.append(
            f"input {path[1]}: {one.uncounted} texts were too long to count their characters;"
            f" their bytes are limited"
        )
    if chars is None:
        return
    changes.at_least((*path, "min_chars"), chars.low, least_count(int(chars.low)))
    if not one.uncounted:
        changes.at_most((*path, "max_chars"), chars.high, upper_count(int(chars.high)) or None)


def _propose_tokens(changes: Changes, path: Path, tokens: FeatureSummary | None) -> None:
    if tokens is None or not changes.has((*path, "tokens")):
        return
    changes.at_most((*path, "tokens", "max"), tokens.high, upper_count(max(1, int(tokens.high))))
