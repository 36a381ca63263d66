"""Texts at and beyond their limits, JSON documents in texts, and the forms of ``/generate``."""

import math
from random import Random
from typing import Any, Final

from tests.fuzz.draft import Draft, prefixed
from tests.fuzz.mutations.fields import BROKEN, ODD
from tests.fuzz.mutations.mutation import Done, Mutation, inputs_of
from tests.fuzz.tree import Raw, Repeated, copy, nested, write

#: A shape may have been made huge by another change.
_MAX_TEXTS: Final = 64
_BLANKS: Final = (" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u0085", "\x1f")
_ODD_WORDS: Final = (
    "\U0001f600", "e\u0301", "\u00df", "\u0130", "\ufb01", "\u202eabc", "\u0000", "\ufffd", "[CLS]",
    "[SEP]", "[UNK]", "'; DROP", "{{x}}", "\\", '"', "<|endoftext|>", "a" * 70, "\ud83d",
)  # fmt: skip


def _text_of(rng: Random) -> str:
    words = ["a"] * rng.choice([0, 1, 4, 5, 9, 10, 10, 11, 11, 12, 13, 100, 2000])
    for _ in range(rng.choice([0, 0, 1, 2])):
        words.insert(rng.randint(0, len(words)), rng.choice(_ODD_WORDS))
    return rng.choice(_BLANKS if rng.random() < 0.3 else [" "]).join(words)


def tokens(draft: Draft, rng: Random) -> Done | None:
    """A text with about as many tokens or characters as are allowed."""
    return Done("text at a limit") if _put_text(draft, rng, _text_of(rng)) else None


def long_text(draft: Draft, rng: Random) -> Done | None:
    """A text that is far too long, as one word or as many."""
    size = rng.choice([81, 300, 5000, 40_000])
    text = rng.choice(["a", "a ", "\u00e9", " ", "a.", "\U0001f600"]) * size
    return Done("long text") if _put_text(draft, rng, text) else None


def _put_text(draft: Draft, rng: Random, text: str) -> bool:
    if draft.form != "infer" and isinstance(draft.document, dict):
        draft.document["TEXT"] = text
        return True
    texts = [one for one in inputs_of(draft) if one.get("datatype") == "BYTES"]
    if len(texts) != 1:
        return False
    count = math.prod(texts[0]["shape"])
    if not 0 < count <= _MAX_TEXTS:
        return False
    elements = ["a"] * count
    elements[rng.randrange(count)] = text
    if not draft.is_binary:
        texts[0]["data"] = elements
        return True
    if len(inputs_of(draft)) != 1:
        return False
    data = prefixed(*(one.encode("utf-8", "surrogatepass") for one in elements))
    texts[0]["parameters"] = {"binary_data_size": len(data)}
    draft.tail = [data]
    return True


def no_utf8(draft: Draft, rng: Random) -> Done | None:
    """A text of bytes that are none, in binary form."""
    if draft.model not in {"text", "clipped", "document"}:
        return None
    bad = [b"\xff", b"a\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80" * 30]
    data = prefixed(rng.choice([b"", b"ok ", b'{"name":"']) + rng.choice(bad))
    parameters = {"binary_data_size": len(data)}
    one = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "parameters": parameters}
    draft.form, draft.document, draft.tail = "infer", {"inputs": [one]}, [data]
    return Done("text that is no UTF-8")


def schema(draft: Draft, rng: Random) -> Done | None:
    """A JSON document that a schema shall judge."""
    text = write(rng.choice(_DOCUMENTS)(rng)).decode("utf-8", "replace")
    draft.model, draft.form, draft.tail = "document", "generate", []
    draft.document = {"TEXT": text}
    return Done("JSON document in a text")


def _random_document(rng: Random) -> Any:
    found: dict[str, Any] = {"name": rng.choice(["a", "A", "a" * 21, "", 5, None, *ODD])}
    for key in rng.sample(["size", "tags", "node", "any", "other", "name "], rng.randint(0, 4)):
        found[key] = copy(rng.choice(ODD))
    return found


def _deep_document(rng: Random) -> Any:
    depth = rng.choice([10, 100, 127, 128, 200, 254, 255, 256, 300, 900, 998, 1001, 5000, 50_000])
    key = rng.choice(["node", "tags", "any", "other"])
    if key == "node":
        inner = rng.choice([b'{"value":1}', b'{"value":"x"}', b"{}", b"[]"])
        return {"name": "a", key: nested(depth, inner, opening=b'{"child":', closing=b"}")}
    if rng.random() < 0.5:
        return {"name": "a", key: nested(depth, b"1")}
    return {"name": "a", key: nested(depth, b"1", opening=b'{"x":', closing=b"}")}


def _wide_document(rng: Random) -> Any:
    count = rng.choice([5, 6, 100, 3000])
    tags = rng.choice([list(range(count)), ["x"] * count, [str(n) for n in range(count)],
                       [{"a": n} for n in range(count)], [1, 1.0, True]])  # fmt: skip
    if rng.random() < 0.5:
        return {"name": "a", "tags": tags}
    return {"name": "a", **{f"k{number}": 1 for number in range(count)}}


def _repeating_document(rng: Random) -> Any:
    pairs = [("name", "a"), ("name", rng.choice(["b", 5, None])), ("size", 1), ("size", -1)]
    rng.shuffle(pairs)
    return Repeated(tuple(pairs))


def _number_document(rng: Random) -> Any:
    numbers = [0, -1, 1000, 1001, 1.0, 1.5, 1e3, 1e308, -0.0, 10**30, Raw(b"1e400"), Raw(b"NaN"),
               Raw(b"1" * 400), Raw(b"1.0000000000000000000001"), True, "1"]  # fmt: skip
    return {"name": "a", "size": rng.choice(numbers), "node": {"value": rng.choice(numbers)}}


def _no_document(rng: Random) -> Any:
    return copy(rng.choice([*ODD, *BROKEN]))


_DOCUMENTS: Final = (
    _random_document, _random_document, _deep_document, _deep_document, _wide_document,
    _repeating_document, _number_document, _no_document,
)  # fmt: skip


#: What a key of ``/generate`` may well be.
_LIKELY: Final[dict[str, tuple[Any, ...]]] = {
    "K": (1, [1, 2], [[1], [2]], [], 51, -1, 1.0, "1", True, [1, 2, 3, 4, 5], 2**31, [None]),
    "id": ("a", "", "x" * 1024, "x" * 1025, "\u00e9", 5),
    "parameters": ({"max_tokens": 1}, {"K": 1}, {"style": "rich"}, {"x": 1}, {}, {"TEXT": "x"}, 5),
    "max_tokens": (1, 64, 65, 0, 1.0, "1", 30, 31, 37, 38),
    "style": ("plain", "rich", "none", "", 1),
    "TEXT": ("hi", "", ["hi"], ["hi", "ho"], [["hi"]], [], 5, "a" * 81, "caf\u00e9"),
}


def generate_keys(draft: Draft, rng: Random) -> Done | None:
    """A ``/generate`` document with keys of every sort."""
    found: dict[str, Any] = {"TEXT": rng.choice(["hi", "hi", "hi", *ODD])}
    for _ in range(rng.randint(1, 3)):
        key = rng.choice(["K", "id", "parameters", "max_tokens", "style", "stream", "SEEN", "TEXT"])
        odd = rng.random() < 0.3
        found[key] = copy(rng.choice(ODD if odd else _LIKELY.get(key, ("x", 1, True, 0.5))))
    draft.model = rng.choice(["text", "text", "clipped", "document", "identity", "every_type"])
    draft.form = rng.choice(["generate", "generate_stream"])
    draft.document, draft.tail = found, []
    return Done("keys of generate")


def generate_inputs(draft: Draft, rng: Random) -> Done | None:
    """The inputs of any model as ``/generate`` takes them."""
    inputs = inputs_of(draft)
    if not inputs or draft.is_binary:
        return None
    document = {str(one.get("name")): copy(one.get("data")) for one in inputs}
    if rng.random() < 0.5:
        document[rng.choice(sorted(document))] = copy(rng.choice(ODD))
    draft.document, draft.form = document, rng.choice(["generate", "generate_stream"])
    return Done("inputs over generate")


def infer_over_generate(draft: Draft, rng: Random) -> Done | None:
    """A document for the one endpoint at the other."""
    draft.form = "infer" if draft.form != "infer" else rng.choice(["generate", "generate_stream"])
    return Done("document for the other endpoint")


def batch(draft: Draft, rng: Random) -> Done | None:
    """More rows than the contract, or the model, lets a request have."""
    rows = rng.choice([4, 5, 8, 9, 64, 65, 1000])
    data = prefixed(*[b"a"] * rows)
    parameters = {"binary_data_size": len(data)}
    one = {"name": "TEXT", "datatype": "BYTES", "shape": [rows, 1], "parameters": parameters}
    draft.model, draft.form = rng.choice(["text", "clipped"]), "infer"
    draft.document, draft.tail = {"inputs": [one], "outputs": [{"name": "SEEN"}]}, [data]
    return Done("batch at a limit", refused=rows > 8)


TEXTS: Final[tuple[Mutation, ...]] = (
    tokens, tokens, long_text, no_utf8, schema, schema, schema, generate_keys, generate_keys,
    generate_inputs, infer_over_generate, batch,
)  # fmt: skip
