"""Good requests to every model, with the answers that they must get."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz.draft import Draft, binary_tensor, prefixed, tensor
from tests.fuzz.packing import packed

#: Values by output; those of texts are lists of bytes.
Values = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Good:
    """A request that keeps its contract, and the values that the model gives for it."""

    draft: Draft
    values: Values


Seed = Callable[[Random], Good]

_HALVES = [0.0, 0.5, -0.25, 1.5, 2.0, -8.0]
#: Values that every datatype holds exactly and every contract here allows.
_SAFE: dict[str, list[Any]] = {
    "BOOL": [True, False],
    **{f"UINT{bits}": [0, 1, 7, 199] for bits in (8, 16, 32, 64)},
    "INT8": [-1, 0, 1, 2],
    **{f"INT{bits}": [-100, -1, 0, 42, 100] for bits in (16, 32, 64)},
    "FP16": _HALVES,
    "BF16": _HALVES,
    "FP32": [*_HALVES, 100_000.0, 2.0**-10],
    "FP64": [0.0, -3.0, 2.0**40, 7.0],
    "BYTES": ["", "a", "two words", "\u00e9\U0001f600", "{}"],
}
_WORDS = ["hello", "a", "The", "guard", "x1", "it's", "so,", "why?", "no.", "42"]


def given(name: str, datatype: str, shape: list[int], values: list[Any], draft: Draft) -> None:
    """Add an input to a draft, in the form that the draft has."""
    if draft.is_binary:
        data = packed(datatype, values)
        draft.tail.append(data)
        draft.document["inputs"].append(binary_tensor(name, datatype, shape, data))
    else:
        draft.document["inputs"].append(tensor(name, datatype, shape, values))


def _floats(rng: Random, count: int) -> list[float]:
    return [rng.randrange(-4000, 4000) / 4 for _ in range(count)]


def _numbers(model: str, shape: list[int], values: list[float], *, binary: bool) -> Good:
    if binary:
        data = packed("FP32", values)
        document = {"inputs": [binary_tensor("INPUT0", "FP32", shape, data)]}
        draft = Draft(model, document, tail=[data])
    else:
        draft = Draft(model, {"inputs": [tensor("INPUT0", "FP32", shape, values)]})
    return Good(draft, {"OUTPUT0": values})


def identity(rng: Random) -> Good:
    """Any numbers to the model without a contract file."""
    rows, width = rng.randint(1, 5), rng.randint(1, 9)
    values = _floats(rng, rows * width)
    good = _numbers("identity", [rows, width], values, binary=rng.random() < 0.5)
    if rng.random() < 0.3:
        binary = rng.random() < 0.5
        good.draft.document["outputs"] = [
            {"name": "OUTPUT0", "parameters": {"binary_data": binary}}
        ]
    return good


def ranged(rng: Random) -> Good:
    """Numbers within their range, with parameters of every type."""
    rows, width = rng.randint(1, 8), rng.randint(1, 16)
    values = _floats(rng, rows * width)
    good = _numbers("ranged", [rows, width], values, binary=rng.random() < 0.6)
    every = {
        "temperature": rng.choice([0, 0.5, 2]),
        "top_k": rng.randint(1, 100),
        "mode": rng.choice(["fast", "good"]),
        "verbose": rng.random() < 0.5,
    }
    good.draft.document["parameters"] = {
        name: value for name, value in every.items() if rng.random() < 0.6
    }
    return good


def grid(rng: Random) -> Good:
    """A few known values, to a model without a batch."""
    rows = rng.randint(1, 4)
    values = [rng.choice([0.0, 0.5, 1.0, -1.0]) for _ in range(rows * 3)]
    return _numbers("grid", [rows, 3], values, binary=rng.random() < 0.5)


def every_type(rng: Random) -> Good:
    """Several datatypes in one request, all in one of the two forms."""
    chosen = rng.sample(sorted(_SAFE.keys() - {"FP16", "BF16"}), rng.randint(1, 5))
    return _echo("every_type", chosen, rng, binary=rng.random() < 0.5)


def halves(rng: Random) -> Good:
    """The two-byte floats, which Triton takes in binary form only."""
    good = _echo("halves", ["FP16", "BF16"], rng, binary=True)
    good.draft.document["outputs"] = []
    good.draft.document["parameters"] = {"binary_data_output": True}
    return good


def halves_as_json(rng: Random) -> Good:
    """The two-byte floats as numbers."""
    return _echo("halves", ["FP16", "BF16"], rng, binary=False)


def _echo(model: str, datatypes: list[str], rng: Random, *, binary: bool) -> Good:
    draft = Draft(model, {"inputs": [], "outputs": []}, tail=[b""] if binary else [])
    rows, width = rng.randint(1, 3), rng.randint(1, 4)
    values: Values = {}
    for datatype in datatypes:
        elements = [rng.choice(_SAFE[datatype]) for _ in range(rows * width)]
        given(f"IN_{datatype}", datatype, [rows, width], elements, draft)
        output = f"OUT_{datatype}"
        draft.document["outputs"].append(
            {"name": output, "parameters": {"binary_data": rng.random() < 0.5}}
        )
        values[output] = [one.encode() for one in elements] if datatype == "BYTES" else elements
    return Good(draft, values)


def sentence(rng: Random, words: int) -> str:
    """A text of so many words that the contract's pattern allows."""
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def text(rng: Random) -> Good:
    """Texts, some with the optional input, in batches."""
    rows = rng.randint(1, 4)
    texts = [sentence(rng, rng.randint(1, 8)) for _ in range(rows)]
    draft = Draft("text", {"inputs": []}, tail=[b""] if rng.random() < 0.5 else [])
    given("TEXT", "BYTES", [rows, 1], texts, draft)
    counts = None
    if rng.random() < 0.5:
        width = rng.randint(1, 4)
        flat = [rng.randint(0, 50) for _ in range(rows * width)]
        given("K", "INT32", [rows, width], flat, draft)
        counts = [flat[at : at + width] for at in range(0, len(flat), width)]
    parameters = _asked(rng)
    if parameters:
        draft.document["parameters"] = parameters
    draft.document["outputs"] = [{"name": "SEEN"}]
    return Good(draft, {"SEEN": [_seen(one, counts, parameters) for one in texts]})


def generated(rng: Random) -> Good:
    """A request to ``/generate`` or ``/generate_stream``."""
    one = sentence(rng, rng.randint(1, 8))
    parameters = _asked(rng)
    form = rng.choice(["generate", "generate", "generate_stream"])
    draft = Draft("text", {"TEXT": one, **parameters}, form=form)
    if rng.random() < 0.3:
        draft.document = {"TEXT": one, "parameters": parameters}
    counts = None
    if rng.random() < 0.5:
        draft.document["K"] = number = rng.randint(0, 50)
        counts = [[number]]
    return Good(draft, {"SEEN": [_seen(one, counts, parameters)]})


def document(rng: Random) -> Good:
    """A JSON document as the text of a model, which its schema allows."""
    value: dict[str, Any] = {"name": rng.choice(["a", "", "seawall"])}
    if rng.random() < 0.5:
        value["tags"] = rng.sample(["x", "y", "z", "1", ""], rng.randint(0, 5))
    if rng.random() < 0.5:
        value["size"] = rng.randint(0, 1000)
    if rng.random() < 0.5:
        value["node"] = {"child": {"child": {"value": 1.5}}}
    return as_document(json.dumps(value))


def as_document(one: str) -> Good:
    """A request with this text as the document."""
    draft = Draft("document", {"TEXT": one}, form="generate")
    return Good(draft, {"SEEN": [_seen(one, None, {})]})


def clipped(rng: Random) -> Good:
    """A text that is short enough not to be cut."""
    one = sentence(rng, rng.randint(0, 4))
    data = prefixed(one.encode())
    inputs = [binary_tensor("TEXT", "BYTES", [1, 1], data)]
    draft = Draft("clipped", {"inputs": inputs, "id": "own"}, tail=[data])
    draft.document["outputs"] = [{"name": "SEEN"}]
    return Good(draft, {"SEEN": [_seen(one, None, {}, request_id="own")]})


def _asked(rng: Random) -> dict[str, Any]:
    every = {"max_tokens": rng.randint(1, 28), "style": rng.choice(["plain", "rich"])}
    return {name: value for name, value in every.items() if rng.random() < 0.5}


def _seen(one: str, counts: Any, parameters: dict[str, Any], *, request_id: str = "") -> bytes:
    """What the text model says that it has got."""
    seen = {
        "text": one.encode().decode("latin-1"),
        "k": counts,
        "parameters": parameters,
        "id": request_id,
    }
    return json.dumps(seen, sort_keys=True).encode()


#: What Triton itself answers too.
PLAIN_SEEDS: tuple[Seed, ...] = (
    identity, ranged, grid, every_type, halves, text, generated, document, clipped,
)  # fmt: skip
SEEDS = (*PLAIN_SEEDS, halves_as_json)
