"""The engines that rules run on: regular expressions, JSON Schema, tokenizers.

All are safe on hostile input: linear in its length, never fetching anything. Each ``compile_*``
raises ValueError with a sentence for the contract's author.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import jsonschema_rs
import msgspec
import re2
from tokenizers import Tokenizer

from control.contracts.schema_outline import branch_keyword, unfolded_size, without_branches

_MAX_PROGRAM_BYTES: Final = 4 * 1024 * 1024
_MAX_ERRORS: Final = 16
_MAX_PLACE: Final = 32
_EXCERPT: Final = 64
_TOO_DEEP: Final = ("", "JSON", "JSON that is nested too deeply")
#: Bytes of a text, and these times the size of its schema, up to which all faults are listed: a
#: fault takes 10 us to find.
_MAX_LISTED_BYTES: Final = 4096
_LISTING_EFFORT: Final = 65_536
#: Every tokenizer must be able to count these.
_PROBES: Final = ("", "a", "\U0002a6b2 \u2603 \U0001f9ff \u0301")


class Pattern:
    """A regular expression in RE2's syntax, matched against whole texts in linear time."""

    def __init__(self, text: str) -> None:
        """Compile; raises ValueError."""
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MAX_PROGRAM_BYTES
        options.never_capture = True
        self.text = text
        try:
            self._fullmatch = re2.compile(text, options).fullmatch
        except re2.error as error:
            reason = error.args[0]
            shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            message = f"is not a regular expression of RE2: {shown}"
            raise ValueError(message) from error

    def matches(self, text: bytes) -> bool:
        """Whether the whole text, which must be UTF-8, matches."""
        return self._fullmatch(text) is not None


class JsonSchema:
    """A JSON Schema of the 2020-12 draft; ``$ref`` reaches inside it only.

    Of a short text all faults are listed, up to a few; of a long one the first.
    """

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        """Compile; raises ValueError."""
        self._validator = _validator(schema)
        self._lister = _lister(schema)
        size = unfolded_size(schema)
        self._listed_bytes = min(_MAX_LISTED_BYTES, _LISTING_EFFORT // size) if size else 0

    def faults(self, text: bytes | memoryview) -> Iterator[tuple[str, str, str]]:
        """Give place, limit and what was got for each fault of a JSON text."""
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield "", "JSON", str(error)[:_EXCERPT]
            return
        except RecursionError:
            yield _TOO_DEEP
            return
        try:
            if self._validator.is_valid(document):
                return
            is_short = len(text) <= self._listed_bytes
            found = self._all(document) if is_short else self._first(document)
        except ValueError:  # the engine gives up at a depth of its own
            yield _TOO_DEEP
            return
        for fault in found:
            path = fault.instance_path
            yield _place(path), _limit(fault), _excerpt(_value_at(document, path))
        if not found:
            yield "", "JSON Schema", _excerpt(document)

    def _all(self, document: object) -> list[jsonschema_rs.ValidationError]:
        faults = self._lister.iter_errors(document) if self._lister else iter(())
        return list(itertools.islice(faults, _MAX_ERRORS))

    def _first(self, document: object) -> list[jsonschema_rs.ValidationError]:
        try:
            if self._lister:
                self._lister.validate(document)
        except jsonschema_rs.ValidationError as error:
            return [error]
        return []


def _validator(schema: dict[str, Any] | bool) -> jsonschema_rs.Draft202012Validator:
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True
        )
    except jsonschema_rs.ValidationError as error:
        place = "/".join(map(str, error.instance_path))
        message = f"is not a JSON Schema: {error.message}" + (f" at {place}" if place else "")
        raise ValueError(message) from error
    except ValueError as error:
        message = f"is not a JSON Schema: {error}"
        raise ValueError(message) from error


def _lister(schema: dict[str, Any] | bool) -> jsonschema_rs.Draft202012Validator | None:
    """Compile the form of a schema that lists faults; None where there is no such form."""
    if "unevaluated" in repr(schema) and "Of'" in repr(schema):
        return None  # it asks which branches of anyOf, oneOf and allOf were taken
    try:
        return _validator(without_branches(schema))
    except ValueError:
        return None  # a $ref leads into a branch


def _value_at(document: Any, path: Sequence[str | int]) -> object:  # noqa: ANN401 - any JSON
    for part in path:
        document = document[part]
    return document


def _place(path: list[str | int]) -> str:
    parts = (f"[{one}]" if isinstance(one, int) else f".{one[:_EXCERPT]}" for one in path)
    place = "".join(itertools.islice(parts, _MAX_PLACE))
    return place if len(path) <= _MAX_PLACE else f"{place}..."


def _limit(fault: jsonschema_rs.ValidationError) -> str:
    name = fault.kind.name
    if name == "not":
        return branch_keyword(fault.message) or f"not: {fault.message}"[: 4 * _EXCERPT]
    facts = {k: v for k, v in fault.kind.as_dict().items() if k not in {"error", "context"}}
    shown = ", ".join(f"{value}" for value in facts.values())
    return f"{name}: {shown}"[: 4 * _EXCERPT] if shown else name


def _excerpt(value: object) -> str:
    text = ""
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        text += piece[: _EXCERPT + 1]
        if len(text) > _EXCERPT:
            return f"{text[: _EXCERPT - 3]}..."
    return text


class TokenCounter:
    """A model's own tokenizer, without the cutting and padding that its file may ask for.

    One instance serves all threads: it is never changed after it was made. ``least`` is the tokens
    of an empty text: special ones that every text gets.
    """

    def __init__(self, file: bytes) -> None:
        """Load a ``tokenizer.json``; raises ValueError."""
        try:
            self._tokenizer = cast("Any", Tokenizer).from_buffer(file)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            self.least = self.count(list(_PROBES))[0]
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the library raises plain Exception, and panics
            message = f"is not a tokenizer: {str(error)[:200]}"
            raise ValueError(message) from error

    def count(self, texts: list[str]) -> list[int]:
        """Count the tokens of each text, special ones included; other threads run meanwhile."""
        return [len(one) for one in self._tokenizer.encode_batch_fast(texts)]

    def cut(self, text: str, limit: int) -> str:
        """Give a beginning of a text that has at most ``limit`` tokens, as long as may be.

        ``limit`` is at least ``least``. Cutting at a token's end may change how what is before it
        is split, so the cut is counted again, and moved back until it fits.
        """
        encoding = self._tokenizer.encode(text)
        if len(encoding) <= limit:
            return text
        ends = [
            end
            for (_, end), special in zip(
                encoding.offsets, encoding.special_tokens_mask, strict=True
            )
            if not special
        ]
        room = max(0, limit - (len(encoding) - len(ends)))
        while room > 0:
            shorter = text[: ends[room - 1]]
            got = self.count([shorter])[0]
            if got <= limit:
                return shorter
            room -= max(1, got - limit)
        return ""
