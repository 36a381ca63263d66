"""The engines that rules run on: regular expressions, JSON Schema, tokenizers.

All are safe on hostile input: linear in its length, never fetching anything. Each ``compile_*``
raises ValueError with a sentence for the contract's author.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any, Final, cast

import jsonschema_rs
import msgspec
import re2
from tokenizers import Tokenizer

_MAX_PROGRAM_BYTES: Final = 4 * 1024 * 1024
_MAX_ERRORS: Final = 16
_EXCERPT: Final = 64


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
    """A JSON Schema of the 2020-12 draft; ``$ref`` reaches inside it only."""

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        """Compile; raises ValueError."""
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True
            )
        except jsonschema_rs.ValidationError as error:
            place = "/".join(map(str, error.instance_path))
            message = f"is not a JSON Schema: {error.message}" + (f" at {place}" if place else "")
            raise ValueError(message) from error

    def faults(self, text: bytes | memoryview) -> Iterator[tuple[str, str, str]]:
        """Give place, limit and what was got for each fault of a JSON text, the first few."""
        try:
            document = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield "", "JSON", str(error)[:_EXCERPT]
            return
        except RecursionError:
            yield "", "JSON", "JSON that is nested too deeply"
            return
        if self._validator.is_valid(document):
            return
        for fault in itertools.islice(self._validator.iter_errors(document), _MAX_ERRORS):
            yield _place(fault.instance_path), _limit(fault), _excerpt(fault.instance)


def _place(path: list[str | int]) -> str:
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one[:_EXCERPT]}" for one in path)


def _limit(fault: jsonschema_rs.ValidationError) -> str:
    facts = {k: v for k, v in fault.kind.as_dict().items() if k not in {"error", "context"}}
    shown = ", ".join(f"{value}" for value in facts.values())
    return f"{fault.kind.name}: {shown}"[: 4 * _EXCERPT] if shown else fault.kind.name


def _excerpt(value: object) -> str:
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _EXCERPT else text[: _EXCERPT - 3] + "..."
    return type(value).__name__


class TokenCounter:
    """A model's own tokenizer, without the cutting and padding that its file may ask for.

    One instance serves all threads: it is never changed after it was made.
    """

    def __init__(self, file: bytes) -> None:
        """Load a ``tokenizer.json``; raises ValueError."""
        try:
            self._tokenizer = cast("Any", Tokenizer).from_buffer(file)
        except Exception as error:  # the library raises plain Exception
            message = f"is not a tokenizer: {str(error)[:200]}"
            raise ValueError(message) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, texts: list[str]) -> list[int]:
        """Count the tokens of each text, special ones included; other threads run meanwhile."""
        return [len(one) for one in self._tokenizer.encode_batch_fast(texts)]

    def cut(self, text: str, limit: int) -> str:
        """Give the longest beginning of a text that has at most ``limit`` tokens.

        Cutting at a token's end may change how the rest before it is split, so the cut is counted
        again, and moved back until it fits.
        """
        encoding = self._tokenizer.encode(text)
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
