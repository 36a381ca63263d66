"""Wrong answers: an echoing model says whatever it was told, and a contract says what it may."""

from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.contracts.calls import (
    Call,
    Violation,
    binary,
    breach,
    echo,
    numbers,
    texts,
)
from tests.e2e.contracts.examples import ECHO

YES: Final = True


@dataclass(frozen=True, slots=True)
class OutputCase:
    """``rules``: those of one output. ``good`` and ``bad`` are what the model echoes."""

    keys: tuple[str, ...]
    output: str
    rules: dict[str, Any]
    good: Call
    bad: Call
    violations: tuple[Violation, ...]


def _numbers(
    key: str, value: Any, datatype: str, good: list[float], bad: list[float], *faults: Violation
) -> OutputCase:
    name = f"IN_{datatype}"
    return OutputCase(
        (f"outputs.{key}",),
        f"OUT_{datatype}",
        {key: value},
        echo(numbers(name, datatype, good)),
        echo(numbers(name, datatype, bad)),
        faults,
    )


def _texts(key: str, value: Any, good: str, bad: str, *faults: Violation) -> OutputCase:
    def call(text: str) -> Call:
        return echo(texts("IN_BYTES", text))

    return OutputCase((f"outputs.{key}",), "OUT_BYTES", {key: value}, call(good), call(bad), faults)


def _at(place: str, rule: str, limit: Any, got: Any) -> Violation:
    return breach(f"outputs.OUT_{place}", rule, limit, got)


CASES: Final = (
    _numbers("min", 0, "FP32", [0, 1], [1, -0.5], _at("FP32[1]", "min", 0, -0.5)),
    _numbers("max", 1, "FP32", [0, 1], [2, 0], _at("FP32[0]", "max", 1, 2.0)),
    _numbers(
        "finite",
        YES,
        "FP64",
        [0, 1e300],
        [0, float("-inf")],
        _at("FP64[1]", "finite", "finite numbers", "-inf"),
    ),
    _numbers(
        "integer", YES, "FP64", [3, -2], [0.5], _at("FP64[0]", "integer", "whole numbers", 0.5)
    ),
    _numbers("values", [-1, 1], "INT8", [1, -1], [0], _at("INT8[0]", "values", ["-1", "1"], 0)),
    OutputCase(
        ("outputs.dims.min", "outputs.dims.max"),
        "OUT_UINT8",
        {"dims": [{"min": 2, "max": 3}]},
        echo(numbers("IN_UINT8", "UINT8", [1, 2, 3])),
        echo(numbers("IN_UINT8", "UINT8", [1, 2, 3, 4])),
        (_at("UINT8.shape", "dim", "dims[0] 2..3", 4),),
    ),
    OutputCase(
        ("outputs.encoding",),
        "OUT_BYTES",
        {"encoding": "utf-8"},
        binary(ECHO, "IN_BYTES", "größe".encode(), output="OUT_BYTES"),
        binary(ECHO, "IN_BYTES", "größe".encode("latin-1"), output="OUT_BYTES"),
        (_at("BYTES[0]", "encoding", "utf-8", "byte 2 is 0xf6"),),
    ),
    _texts("min_bytes", 2, "ü", "u", _at("BYTES[0]", "min_bytes", 2, 1)),
    _texts("max_bytes", 2, "ü", "üü", _at("BYTES[0]", "max_bytes", 2, 4)),
    _texts("min_chars", 2, "üü", "ü", _at("BYTES[0]", "min_chars", 2, 1)),
    _texts("max_chars", 2, "üü", "ü u", _at("BYTES[0]", "max_chars", 2, 3)),
    _texts("values", ["yes", "no"], "no", "?", _at("BYTES[0]", "values", ["no", "yes"], "?")),
    _texts("pattern", "[a-z]+", "abc", "ab7", _at("BYTES[0]", "pattern", "[a-z]+", "ab7")),
    _texts(
        "json_schema",
        {"type": "object", "required": ["a"]},
        '{"a": 1}',
        '{"b": 1}',
        _at("BYTES[0]", "json_schema", "required: a", '{"b": 1}'),
    ),
)
