"""Rules on the texts of a BYTES tensor: lengths, encoding, patterns, JSON, tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from control.contracts.engines import JsonSchema, Pattern, TokenCounter
from control.core.elements import pack_bytes, unpack_bytes
from control.core.findings import Truncation
from control.core.violations import Violation

#: More violations of one input than this help nobody, and cost time to write down.
_MAX_VIOLATIONS: Final = 32
_EXCERPT: Final = 64
_SHOWN_VALUES: Final = 64


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """A model's tokenizer with the most tokens of one text; ``cut`` texts instead of refusing."""

    counter: TokenCounter
    most: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TextRules:
    """What the elements of a BYTES tensor may be; None and False allow anything."""

    decode: bool = False
    bytes_range: tuple[int, int | None] = (0, None)
    chars_range: tuple[int, int | None] = (0, None)
    values: frozenset[bytes] | None = None
    pattern: Pattern | None = None
    schema: JsonSchema | None = None
    tokens: TokenLimit | None = None


@dataclass(slots=True)
class TextFindings:
    """What a tensor's texts were found to be; ``data`` is the new tensor where some were cut."""

    violations: list[Violation] = field(default_factory=list)
    token_counts: list[int] = field(default_factory=list)
    truncations: list[Truncation] = field(default_factory=list)
    data: bytes | None = None


def check_texts(rules: TextRules, data: bytes | memoryview, name: str, path: str) -> TextFindings:
    """Check every text of one tensor.

    A text that is too long, or no text at all, is not looked at further: its size alone may be
    meant to keep the later checks busy.
    """
    found = TextFindings()
    elements = unpack_bytes(data)
    texts: list[str | None] = []
    for index, element in enumerate(elements):
        faults = list(_faults(rules, element))
        for place, rule, limit, got in faults:
            where = f"{path}[{index}]{place}"
            found.violations.append(Violation(where, rule, limit, got))
        texts.append(None if faults or rules.tokens is None else str(element, "utf-8"))
        if len(found.violations) >= _MAX_VIOLATIONS:
            return found
    if rules.tokens is not None:
        _check_tokens(rules.tokens, texts, found, name, path)
        if found.truncations:
            found.data = _with_cuts(elements, texts, found.truncations)
    return found


_Fault = tuple[str, str, str | int | list[str], str | int]


def _faults(rules: TextRules, element: memoryview) -> Iterator[_Fault]:
    size = len(element)
    least, most = rules.bytes_range
    if size < least:
        yield "", "min_bytes", least, size
    if most is not None and size > most:
        yield "", "max_bytes", most, size
        return
    if rules.decode:
        fault = _length_fault(rules, element)
        if fault is not None:
            yield fault
            return
    if rules.values is not None and bytes(element) not in rules.values:
        yield "", "values", _shown(rules.values), _excerpt(element)
    if rules.pattern is not None and not rules.pattern.matches(bytes(element)):
        yield "", "pattern", rules.pattern.text, _excerpt(element)
    if rules.schema is not None:
        for place, limit, got in rules.schema.faults(element):
            yield place, "json_schema", limit, got


def _length_fault(rules: TextRules, element: memoryview) -> _Fault | None:
    try:
        chars = len(str(element, "utf-8"))
    except UnicodeDecodeError as error:
        return "", "encoding", "utf-8", f"byte {error.start} is {element[error.start]:#04x}"
    least, most = rules.chars_range
    if chars < least:
        return "", "min_chars", least, chars
    if most is not None and chars > most:
        return "", "max_chars", most, chars
    return None


def _check_tokens(
    limit: TokenLimit, texts: list[str | None], found: TextFindings, name: str, path: str
) -> None:
    counts = iter(limit.counter.count([text for text in texts if text is not None]))
    for index, text in enumerate(texts):
        if text is None:
            found.token_counts.append(0)
            continue
        got = next(counts)
        if limit.most is not None and got > limit.most and limit.cut:
            texts[index] = shorter = limit.counter.cut(text, limit.most)
            found.truncations.append(Truncation(name, index, limit.most, got))
            got = limit.counter.count([shorter])[0]
        elif limit.most is not None and got > limit.most:
            found.violations.append(Violation(f"{path}[{index}]", "max_tokens", limit.most, got))
        found.token_counts.append(got)


def _with_cuts(
    elements: Sequence[memoryview], texts: Sequence[str | None], cuts: Sequence[Truncation]
) -> bytes:
    new = [bytes(element) for element in elements]
    for cut in cuts:
        text = texts[cut.element]
        if text is not None:
            new[cut.element] = text.encode()
    return pack_bytes(new)


@lru_cache(maxsize=64)
def _shown(values: frozenset[bytes]) -> list[str]:
    return sorted(_excerpt(memoryview(one)) for one in values)[:_SHOWN_VALUES]


def _excerpt(element: memoryview) -> str:
    text = bytes(element[:_EXCERPT]).decode("utf-8", "replace")
    return text if len(element) <= _EXCERPT else text + "..."
