"""What each kind of contract rule costs: ns per element of a tensor, us per text or document.

`python -m benchmarks.rules` runs without a server, in some 20 seconds. The last lines send whole
requests through the gateway's pipeline, whose Triton is a canned answer, with the contract that
Triton's config gives and with a full contract file.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.canned_pipeline import CONFIG, PipelineBench
from control.contracts.compile import compile_contract
from control.contracts.compiled import CompiledContract
from control.contracts.engines import TokenCounter
from control.contracts.reading import read_document
from control.contracts.yaml_tree import parse_yaml
from control.core.contract import derive_contract
from control.core.elements import pack_bytes
from control.core.tensors import InferRequest, Tensor

_REPEATS = 7
_ROUND_S = 0.15
_MEGABYTE = 2**20
_SENTENCE = "The parcel came two days late, and the box was torn at one corner. "

_FULL = """
limits: {request_bytes: 1048576, batch: 32}
inputs:
  X: {dims: [{min: 1, max: 4096}], finite: true, min: -10, max: 10}
outputs:
  Y: {dims: [{min: 1, max: 4096}], finite: true, min: -10, max: 10}
parameters: {temperature: {type: number, min: 0, max: 2}}
rules: {same_length: [[X, K]]}
"""
_SCHEMA = (
    "json_schema: {type: object, required: [name, age], additionalProperties: false, properties: "
    "{name: {type: string, maxLength: 40}, age: {type: integer, minimum: 0}, "
    "tags: {type: array, items: {$ref: '#/$defs/tag'}}}, $defs: {tag: {enum: [a, b, c]}}}"
)
_DOCUMENT = '{"name": "Ada", "age": 36, "tags": ["a", "b"]}'


@dataclass(frozen=True, slots=True)
class Row:
    """One rule's cost; ``per`` is what ``nanoseconds`` are for."""

    rule: str
    nanoseconds: float
    per: str
    remark: str = ""


def main() -> None:
    """Measure and print everything."""
    print(f"{'rule':34} {'cost':>12}  per")
    for row in (*_tensor_rows(), *_text_rows(), *_pipeline_rows()):
        print(f"{row.rule:34} {_shown(row.nanoseconds):>12}  {row.per:24} {row.remark}")


def best_s(work: Callable[[], object]) -> float:
    """Give the least mean time of one call, over several rounds: noise only ever adds."""
    work()
    calls = 1
    while (took_s := _time(work, calls)) < _ROUND_S / 4:
        calls *= 2
    calls = max(1, int(calls * _ROUND_S / took_s))
    return min(_time(work, calls) for _ in range(_REPEATS)) / calls


def _time(work: Callable[[], object], calls: int) -> float:
    started_s = time.perf_counter()
    for _ in range(calls):
        work()
    return time.perf_counter() - started_s


def _compile(text: str, tokenizer: TokenCounter | None = None) -> CompiledContract:
    document = read_document(parse_yaml(text.encode(), "contract.yaml"))
    counters = {"TEXT": tokenizer} if tokenizer else {}
    return compile_contract(document, derive_contract(CONFIG), counters, "bench")


def _tensor_rows() -> Iterator[Row]:
    chance = np.random.default_rng(7)
    numbers: dict[str, tuple[str, npt.NDArray[Any]]] = {
        "X": ("FP32", chance.random(_MEGABYTE // 4, np.float32)),
        "H": ("FP16", chance.random(_MEGABYTE // 2, np.float32).astype(np.float16)),
        "K": ("INT64", chance.integers(0, 100, _MEGABYTE // 8)),
    }
    for name, rules in (
        ("X", "finite: true, min: 0, max: 1"),
        ("X", "finite: true"),
        ("X", "min: 0, max: 1"),
        ("H", "finite: true, min: 0, max: 1"),
        ("K", "min: 0, max: 100"),
        ("K", f"values: {list(range(100))}"),
    ):
        datatype, array = numbers[name]
        yield _tensor_row(name, datatype, array.tobytes(), rules)
    whole = np.floor(numbers["X"][1] * 100).astype(np.float32)
    yield _tensor_row("X", "FP32", whole.tobytes(), "integer: true")


def _tensor_row(name: str, datatype: str, data: bytes, rules: str) -> Row:
    compiled = _compile(f"inputs: {{{name}: {{{rules}}}}}")
    count = len(data) // {"FP32": 4, "FP16": 2, "INT64": 8}[datatype]
    request = InferRequest([Tensor(name, datatype, [1, count], data)])
    took_s = best_s(lambda: compiled.check_request(request, len(data)))
    said = rules if len(rules) < 26 else rules[:10] + " (100)"  # noqa: PLR2004 - a column's width
    return Row(
        f"{datatype} {said}",
        took_s / count * 1e9,
        "element, tensor of 1 MB",
        f"{len(data) / took_s / 1e9:.1f} GB/s",
    )


def _text_rows() -> Iterator[Row]:
    text = _SENTENCE * 8
    for rules, content in (
        ("max_bytes: 4096", text),
        ("encoding: utf-8", text),
        ("max_chars: 4096", text),
        ("pattern: '[^<>]*'", text),
        ("values: [red, green, blue]", "green"),
        (_SCHEMA, _DOCUMENT),
    ):
        compiled = _compile(f"inputs: {{TEXT: {{{rules}}}}}")
        request = InferRequest([Tensor("TEXT", "BYTES", [1, 1], pack_bytes([content.encode()]))])
        took_s = best_s(lambda c=compiled, r=request: c.check_request(r, 0))  # type: ignore[misc]
        yield Row(rules.partition(":")[0], took_s * 1e9, f"text of {len(content)} bytes")
    yield from _token_rows()


def _token_rows() -> Iterator[Row]:
    found = sorted(Path("model_repository").glob("*/*/weights/tokenizer.json"))
    if not found:
        print("left out: tokens, no tokenizer (seawall models fetch)")
        return
    counter = TokenCounter(found[0].read_bytes())
    sentence = counter.count([_SENTENCE])[0] - 2
    for wanted in (16, 512):
        text = (_SENTENCE * (1 + wanted // sentence))[: wanted * 5]
        while counter.count([text])[0] > wanted:
            text = text[:-4]
        rules = "tokens: {tokenizer: t, max: 512}"
        compiled = _compile(f"inputs: {{TEXT: {{{rules}}}}}", counter)
        request = InferRequest([Tensor("TEXT", "BYTES", [1, 1], pack_bytes([text.encode()]))])
        took_s = best_s(lambda c=compiled, r=request: c.check_request(r, 0))  # type: ignore[misc]
        yield Row("tokens", took_s * 1e9, f"text of {counter.count([text])[0]} tokens")


def _pipeline_rows() -> Iterator[Row]:
    data = np.linspace(-1, 1, 16, dtype=np.float32).tobytes()
    full = _compile(_FULL)
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as directory:
        derived_s, full_s = [], []
        bodies = [PipelineBench(rules, data, Path(directory)) for rules in (None, full)]
        for _ in range(_REPEATS):  # side by side, so that a slow second falls on both
            derived_s.append(runner.run(bodies[0].seconds()))
            full_s.append(runner.run(bodies[1].seconds()))
    yield Row("request, contract from the config", min(derived_s) * 1e9, "request of 16 numbers")
    yield Row(
        "request, full contract file",
        min(full_s) * 1e9,
        "request of 16 numbers",
        f"{(min(full_s) - min(derived_s)) * 1e6:+.1f} us",
    )


def _shown(nanoseconds: float) -> str:
    return f"{nanoseconds:.3f} ns" if nanoseconds < 1000 else f"{nanoseconds / 1000:.1f} us"  # noqa: PLR2004


if __name__ == "__main__":
    main()
