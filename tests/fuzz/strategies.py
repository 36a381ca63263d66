"""Hypothesis strategies for what requests hold: likely near the limits of the contracts."""

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

_INTEGERS: Final = {
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}
#: Those that JSON and Triton's binary form both carry.
DATATYPES: Final = ("BOOL", *_INTEGERS, "FP32", "FP64", "BYTES")
_MAX_TEXT: Final = 70

sizes = st.integers(0, 17)
numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1000.0, -1000.0, 1000.00001, 1000.1, -1000.1, 1e39, float("nan")]),
    st.floats(-1001, 1001),
    st.floats(width=32),
)
good_numbers = st.floats(-1000, 1000, width=32)
good_shapes = st.tuples(st.integers(1, 8), st.integers(1, 16)).map(list)
_any_parameter = st.one_of(
    st.booleans(), st.integers(-2, 102), st.floats(-1, 3), st.sampled_from(["fast", "good", ""])
)
_good_parameters = {
    "temperature": st.floats(0, 2),
    "top_k": st.integers(1, 100),
    "mode": st.sampled_from(["fast", "good"]),
    "verbose": st.booleans(),
}
parameters = st.one_of(
    st.fixed_dictionaries({}, optional=_good_parameters),
    st.dictionaries(
        st.sampled_from([*_good_parameters, "priority", "other"]), _any_parameter, max_size=2
    ),
)
#: JSON values, not too deep for anybody.
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
#: What the data of a tensor may be said to be.
contents = st.one_of(
    st.lists(json_values, max_size=6).map(lambda data: {"data": data}),
    st.one_of(st.integers(-1, 2**64), st.integers(0, 24)).map(
        lambda size: {"parameters": {"binary_data_size": size}}
    ),
)
_nodes = st.recursive(
    st.dictionaries(st.sampled_from(["value"]), st.one_of(st.floats(0, 1), json_values)),
    lambda inner: st.fixed_dictionaries({"child": inner}),
    max_leaves=4,
)
_fields = {
    "size": st.one_of(st.integers(-1, 1001), st.floats(0, 9).map(round), json_values),
    "tags": st.one_of(st.lists(st.text(max_size=2), max_size=6), json_values),
    "node": st.one_of(_nodes, json_values),
    "any": json_values,
}
_names = st.one_of(st.from_regex(r"[a-z]{0,21}", fullmatch=True), json_values)
#: Documents that the schema of ``document`` is likely to take, and others.
documents = st.one_of(
    st.fixed_dictionaries({"name": _names}, optional=_fields),
    st.fixed_dictionaries({"name": _names}, optional={**_fields, "other": json_values}),
    json_values,
)
_words = st.sampled_from(
    ["a", "The", "it's", "so,", "x1", "what?", "longer-than", "caf\u00e9", "w" * 20]
)
texts = st.one_of(
    st.lists(_words, max_size=12).map(" ".join),
    st.text("ab ,.!?'", max_size=12),
    st.text(st.characters(max_codepoint=0x1FF, exclude_characters="\0"), max_size=6),
    st.integers(78, 82).map(lambda size: "a" * size),
)


@dataclass(frozen=True, slots=True)
class Elements:
    """One tensor's elements, all of its datatype."""

    datatype: str
    rows: int
    width: int
    values: list[Any]


def _element(datatype: str) -> st.SearchStrategy[Any]:
    if datatype == "BOOL":
        return st.booleans()
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        near = st.integers(max(low, -101), min(high, 201))
        return st.one_of(near, near, st.integers(low, high))
    if datatype == "BYTES":
        return st.one_of(st.text(max_size=9), st.just("x" * 64), st.just("x" * 65))
    width = 32 if datatype == "FP32" else 64
    return st.one_of(st.integers(-9, 9).map(float), st.floats(width=width, allow_nan=False))


@st.composite
def elements(draw: st.DrawFn) -> Elements:
    """A tensor of any datatype; its batch may be larger than the model's."""
    datatype = draw(st.sampled_from(DATATYPES))
    rows, width = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    one = _element(datatype)
    count = rows * width
    return Elements(datatype, rows, width, draw(st.lists(one, min_size=count, max_size=count)))
