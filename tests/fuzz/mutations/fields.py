"""Changes to any part of the JSON, whatever it means: types, keys, nesting, repetition."""

from random import Random
from typing import Any, Final

from tests.fuzz.draft import Draft
from tests.fuzz.mutations.mutation import Done, Mutation
from tests.fuzz.tree import Place, Raw, Repeated, copy, nested, places, write

#: JSON values that what comes after the parser has tripped over.
ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64,
    -(2**63) - 1, 10**30, 10**400, "", "x", "0", "1", "-1", "null", "NaN", "\0", "a\0b", "\ud800",
    "\udfff\ud800", "\U0001f600", "e\u0301", "\u202e", "../../etc/passwd", "%s%n", "{{7*7}}",
    "x" * 300, "x" * 5000, [], {}, [[]], [None], [{}], {"a": 1}, {"": {}}, [1, "1", None],
)  # fmt: skip
#: Texts that are no JSON, or that only some parsers take for it.
BROKEN: Final[tuple[Any, ...]] = (
    Raw(b"NaN"), Raw(b"-Infinity"), Raw(b"Infinity"), Raw(b"1e400"), Raw(b"-1e400"), Raw(b"1e-400"),
    Raw(b"01"), Raw(b"+1"), Raw(b"1."), Raw(b".1"), Raw(b"0x10"), Raw(b"1_000"), Raw(b"'x'"),
    Raw(b"nul"), Raw(b"True"), Raw(b"undefined"), Raw(b""), Raw(b","), Raw(b"/*1*/1"),
    Raw(b'"\xff"'), Raw(b'"\xc0\xaf"'), Raw(b'"\xed\xa0\x80"'), Raw(b'"\\x"'), Raw(b'"\\u12"'),
    Raw(b'"\\ud800"'), Raw(b'"\n"'), Raw(b'"\x00"'), Raw(b'"open'), Raw(b"[1,]"), Raw(b"{1:2}"),
    Raw(b'{"a"}'), Raw(b"1" * 400), Raw(b"1" * 5000), Raw(b"0." + b"1" * 5000),
    Raw(b"1e" + b"9" * 400),
)  # fmt: skip

_DEPTHS: Final = (1, 2, 15, 16, 17, 32, 200, 500, 999, 1000, 1001, 5000)
_VERY_DEEP: Final = (20_000, 40_000, 130_000)


def _somewhere(draft: Draft, rng: Random) -> Place | None:
    found = places(draft.document)
    return rng.choice(found) if found else None


def retype(draft: Draft, rng: Random) -> Done | None:
    """Put an odd value in the place of any other."""
    place = _somewhere(draft, rng)
    if place is None:
        return None
    container, key = place
    container[key] = copy(rng.choice(ODD))
    return Done("odd value")


def broken(draft: Draft, rng: Random) -> Done | None:
    """Put something that is no JSON in the place of a value."""
    place = _somewhere(draft, rng)
    if place is None:
        return None
    container, key = place
    container[key] = rng.choice(BROKEN)
    return Done("broken value")


def drop(draft: Draft, rng: Random) -> Done | None:
    """Take a key or an element away."""
    place = _somewhere(draft, rng)
    if place is None:
        return None
    container, key = place
    del container[key]
    return Done("missing key or element")


def rename(draft: Draft, rng: Random) -> Done | None:
    """Spell a key otherwise."""
    found = [(c, k) for c, k in places(draft.document) if isinstance(c, dict)]
    if not found:
        return None
    container, key = rng.choice(found)
    spelt = rng.choice(
        [key.upper(), f" {key}", f"{key} ", f"{key}\0", key[:-1], f"{key}s", "", "__proto__",
         "n\u00e4me", "\ud800", "k" * 5000, key.swapcase()]
    )  # fmt: skip
    container[spelt] = container.pop(key)
    return Done("misspelt key")


def repeat_key(draft: Draft, rng: Random) -> Done | None:
    """Give a key twice, with the same value or another, before or after."""
    holders = [(c, k) for c, k in places({"": draft.document}) if isinstance(c[k], dict) and c[k]]
    if not holders:
        return None
    container, key = rng.choice(holders)
    pairs = list(container[key].items())
    name, value = rng.choice(pairs)
    other = value if rng.random() < 0.3 else copy(rng.choice(ODD))
    pairs.insert(rng.randint(0, len(pairs)), (name, other))
    if rng.random() < 0.1:
        pairs += [(name, value)] * 500
    repeated = Repeated(tuple(pairs))
    if container[key] is draft.document:
        draft.document = repeated
    else:
        container[key] = repeated
    return Done("repeated key")


def add_key(draft: Draft, rng: Random) -> Done | None:
    """Add a key that nobody knows, or that belongs elsewhere."""
    found = [c for c, _ in places(draft.document) if isinstance(c, dict)]
    if not found:
        return None
    name = rng.choice(
        ["extra", "id", "data", "shape", "inputs", "outputs", "parameters", "model_name",
         "model_version", "name", "datatype", "contents", "raw_input_contents", "__class__"]
    )  # fmt: skip
    rng.choice(found)[name] = copy(rng.choice(ODD))
    return Done("added key")


def nest(draft: Draft, rng: Random) -> Done | None:
    """Put a value into many arrays or objects."""
    place = _somewhere(draft, rng)
    if place is None:
        return None
    container, key = place
    very = rng.random() < 0.03
    depth = rng.choice(_VERY_DEEP if very else _DEPTHS)
    inner = write(container[key])
    if rng.random() < 0.6:
        container[key] = nested(depth, inner)
    else:
        container[key] = nested(depth, inner, opening=b'{"a":', closing=b"}")
    return Done("very deep nesting" if very else "nesting")


def unclosed(draft: Draft, rng: Random) -> Done | None:
    """Open arrays or objects and close none."""
    depth = rng.choice([1, 100, 1000, 5000, 40_000])
    opening = rng.choice([b"[", b'{"a":', b'[{"a":', b'{"inputs":[', b"[[],"])
    draft.body = opening * depth
    return Done("open brackets", refused=True)


def multiply(draft: Draft, rng: Random) -> Done | None:
    """Repeat an element of an array."""
    found = [c for c, _ in places({"": draft.document}) if isinstance(c, list) and c]
    if not found:
        return None
    array = rng.choice(found)
    times = rng.choice([1, 1, 1, 2, 15, 1023, 1024])
    array.extend([copy(rng.choice(array))] * times)
    return Done("repeated element")


def swap(draft: Draft, rng: Random) -> Done | None:
    """Let two values change places."""
    found = places(draft.document)
    if not found:
        return None
    (one, key), (other, other_key) = rng.choice(found), rng.choice(found)
    left, right = copy(one[key]), copy(other[other_key])
    one[key] = right
    if other_key in (other if isinstance(other, dict) else range(len(other))):
        other[other_key] = left
    return Done("swapped values")


def empty(draft: Draft, rng: Random) -> Done | None:
    """Empty an array or an object."""
    found = [c for c, _ in places({"": draft.document}) if len(c)]
    found = [one for one in found if one is draft.document or isinstance(one, dict | list)]
    rng.choice(found).clear()
    return Done("emptied container")


def quote(draft: Draft, rng: Random) -> Done | None:
    """Put a value into quotes, as a client does that encodes twice."""
    place = _somewhere(draft, rng)
    if place is None:
        return None
    container, key = place
    container[key] = write(container[key]).decode("utf-8", "replace")
    return Done("value in quotes")


def whole(draft: Draft, rng: Random) -> Done | None:
    """Put something else in the place of the whole document."""
    draft.document = copy(rng.choice([*ODD, *BROKEN]))
    draft.tail = []
    return Done("another document")


FIELDS: Final[tuple[Mutation, ...]] = (
    retype, retype, retype, broken, drop, drop, rename, repeat_key, add_key, nest, unclosed,
    multiply, swap, empty, quote, whole,
)  # fmt: skip
