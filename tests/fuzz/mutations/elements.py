"""Elements in JSON that are not what the tensor's datatype says, or not as many."""

from random import Random
from typing import Any, Final

from tests.fuzz.draft import Draft
from tests.fuzz.mutations.mutation import Done, Mutation, as_json, inputs_of
from tests.fuzz.tree import Raw, copy, nested

_WORDS: Final = (
    Raw(b"NaN"), Raw(b"Infinity"), Raw(b"-Infinity"), Raw(b"-NaN"), Raw(b"nan"), Raw(b"inf"),
    Raw(b"+Infinity"), Raw(b'"NaN"'),
)  # fmt: skip
_NUMBERS: Final[tuple[Any, ...]] = (
    1e39, -1e39, 65520.0, 70000.0, 3.4028235677973366e38, 1e308, Raw(b"1e309"), Raw(b"1e400"),
    Raw(b"-1e400"), Raw(b"1e-400"), Raw(b"4.9e-324"), -0.0, 0.1, 128, 256, -129, 2**15, 2**16,
    2**31,
    2**32, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, Raw(b"1" * 5000), 1001, -1001,
    999.9,
)  # fmt: skip
_TEXTS: Final[tuple[Any, ...]] = (
    "", "1", "one", "\0", "a\0b", "\ud800", "\udc00\ud800", "\ufeffx", "\u202ex", "x" * 65,
    "x" * 70_000,
    "\U0001f600" * 16, "\U0001f600" * 17, "e\u0301" * 40, Raw(b'"\xff"'), Raw(b'"\xc3("'),
    Raw(b'"\xf8\x88\x80\x80\x80"'), Raw(b'"\xed\xa0\x80"'), Raw(b'"\\ud800"'), Raw(b'"\\q"'),
)  # fmt: skip
_OTHERS: Final[tuple[Any, ...]] = (
    None, True, False, [], {}, [[]], {"a": 1}, {"b64": "AAAA"}, [1], [None], Raw(b""), Raw(b"1,2"),
)  # fmt: skip


def _json_input(draft: Draft, rng: Random, *, texts: bool = False) -> dict[str, Any] | None:
    if not as_json(draft):
        return None
    fitting = [
        one
        for one in inputs_of(draft)
        if isinstance(one.get("data"), list)
        and one["data"]
        and (one.get("datatype") == "BYTES") == texts
    ]
    return rng.choice(fitting) if fitting else None


def _put(draft: Draft, rng: Random, values: tuple[Any, ...], *, texts: bool) -> bool:
    one = _json_input(draft, rng, texts=texts)
    if one is None:
        return False
    data = one["data"]
    for _ in range(rng.choice([1, 1, 1, len(data)])):
        data[rng.randrange(len(data))] = copy(rng.choice(values))
    return True


def word(draft: Draft, rng: Random) -> Done | None:
    """NaN and infinities as words: some parsers know them."""
    return Done("not-a-number word") if _put(draft, rng, _WORDS, texts=False) else None


def number(draft: Draft, rng: Random) -> Done | None:
    """Numbers at and beyond the limits of a datatype, or of the contract."""
    return Done("number at a limit") if _put(draft, rng, _NUMBERS, texts=False) else None


def text_in_numbers(draft: Draft, rng: Random) -> Done | None:
    """Texts among numbers."""
    done = _put(draft, rng, _TEXTS, texts=False)
    return Done("text among numbers", refused=True) if done else None


def text(draft: Draft, rng: Random) -> Done | None:
    """Texts that are hard to read, or no texts."""
    return Done("odd text") if _put(draft, rng, _TEXTS, texts=True) else None


def number_in_texts(draft: Draft, rng: Random) -> Done | None:
    """Numbers among texts."""
    done = _put(draft, rng, _NUMBERS, texts=True)
    return Done("number among texts", refused=True) if done else None


def other(draft: Draft, rng: Random) -> Done | None:
    """Neither number nor text."""
    done = _put(draft, rng, _OTHERS, texts=rng.random() < 0.3)
    return Done("element that is no value") if done else None


def count(draft: Draft, rng: Random) -> Done | None:
    """More elements, or fewer, than the shape says."""
    one = _json_input(draft, rng, texts=rng.random() < 0.3)
    if one is None:
        return None
    data = one["data"]
    one["data"] = rng.choice(
        [[], data[:-1], data + data[:1], data * 2, data * 100, data[:1] * (len(data) + 4096)]
    )
    return Done("wrong number of elements", refused=True)


def ragged(draft: Draft, rng: Random) -> Done | None:
    """The elements in arrays of arrays, evenly or not."""
    one = _json_input(draft, rng, texts=rng.random() < 0.3)
    if one is None:
        return None
    data, cut = one["data"], rng.randint(0, len(one["data"]))
    one["data"] = rng.choice(
        [[data], [[data]], [data[:cut], data[cut:]], [data[:cut], *data[cut:]], [[], data, []]]
    )
    return Done("nested elements")


def deep(draft: Draft, rng: Random) -> Done | None:
    """Elements in more arrays than a stack has room for."""
    one = _json_input(draft, rng)
    if one is None:
        return None
    very = rng.random() < 0.3
    depth = rng.choice([40_000, 60_000] if very else [17, 100, 1000, 5000, 30_000])
    one["data"] = nested(depth, b"1")
    return Done("elements nested very deep" if very else "elements nested deep")


def no_list(draft: Draft, rng: Random) -> Done | None:
    """Something else in the place of the array."""
    one = _json_input(draft, rng, texts=rng.random() < 0.3)
    if one is None:
        return None
    one["data"] = copy(rng.choice([*_OTHERS, *_NUMBERS, *_TEXTS]))
    return Done("data that is no array")


ELEMENTS: Final[tuple[Mutation, ...]] = (
    word, number, number, text_in_numbers, text, number_in_texts, other, count, ragged, deep,
    no_list,
)  # fmt: skip
