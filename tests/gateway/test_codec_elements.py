"""Elements between JSON and raw bytes."""

import json
import math
import struct
import warnings
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.datatypes import DATATYPES
from control.core.elements import as_array, pack_bytes, unpack_bytes, walk_bytes
from control.errors import MalformedRequest
from control.gateway.codec.elements import pack_json, pack_values, unpack_json

INTEGERS = {
    "UINT8": (0, 2**8 - 1),
    "UINT16": (0, 2**16 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
    "INT8": (-(2**7), 2**7 - 1),
    "INT16": (-(2**15), 2**15 - 1),
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
}
FLOATS = {"FP16": 16, "FP32": 32, "FP64": 64}
#: The first number that rounds to an infinity.
OVERFLOWS = {"FP16": 65520.0, "FP32": 2.0**128 - 2.0**103, "BF16": 2.0**128 - 2.0**103}


def elements_of(datatype: str) -> st.SearchStrategy[Any]:
    """Values that a datatype can hold exactly."""
    if datatype in INTEGERS:
        return st.integers(*INTEGERS[datatype])
    if datatype in FLOATS:
        return st.floats(width=FLOATS[datatype], allow_nan=False, allow_infinity=False)  # type: ignore[arg-type]
    if datatype == "BF16":
        halves = st.integers(0, 2**16 - 1).map(
            lambda bits: struct.unpack("<f", struct.pack("<I", bits << 16))[0]
        )
        return halves.filter(math.isfinite)
    if datatype == "BOOL":
        return st.booleans()
    return st.text()


TYPED = st.sampled_from(sorted(DATATYPES)).flatmap(
    lambda datatype: st.tuples(st.just(datatype), st.lists(elements_of(datatype), max_size=20))
)


def written(data: bytes, datatype: str) -> Any:
    """What a client reads out of the JSON that is written for raw bytes."""
    return json.loads(orjson.dumps(unpack_json(data, datatype), option=orjson.OPT_SERIALIZE_NUMPY))


@given(TYPED)
def test_json_to_bytes_and_back_is_the_same(typed: tuple[str, list[Any]]) -> None:
    """Every value that a datatype can hold survives the way in and out."""
    datatype, values = typed
    data, count = pack_json(json.dumps(values).encode(), datatype, "p")
    assert count == len(values)
    out = written(data, datatype)
    # a short float is written with no more digits than tell it from its neighbours
    assert pack_json(json.dumps(out).encode(), datatype, "p")[0] == data
    assert out == values or datatype in {"BF16", "FP16", "FP32"}


@given(TYPED, st.integers(1, 5))
def test_nested_arrays_are_taken_row_by_row(typed: tuple[str, list[Any]], width: int) -> None:
    """Rows in brackets are the same elements as without."""
    datatype, values = typed
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    assert pack_json(json.dumps(rows).encode(), datatype, "p") == pack_json(
        json.dumps(values).encode(), datatype, "p"
    )


@pytest.mark.parametrize(("datatype", "bounds"), INTEGERS.items())
def test_integers_have_the_bounds_of_their_type(datatype: str, bounds: tuple[int, int]) -> None:
    """The least and the greatest pass, the next ones are refused: nothing ever wraps."""
    low, high = bounds
    data, _ = pack_json(json.dumps([low, high]).encode(), datatype, "p")
    assert as_array(data, datatype).tolist() == [low, high]
    for beyond in (low - 1, high + 1, 2**70, -(2**70)):
        with pytest.raises(MalformedRequest, match="p"):
            pack_json(json.dumps([beyond]).encode(), datatype, "p")


@pytest.mark.parametrize(("datatype", "overflow"), OVERFLOWS.items())
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_floats_never_become_infinite(datatype: str, overflow: float, sign: float) -> None:
    """A finite number either stays finite or is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        last = sign * math.nextafter(overflow, 0.0)
        data, _ = pack_json(json.dumps([last]).encode(), datatype, "p")
        assert np.isfinite(as_array(data, datatype)).all()
        with pytest.raises(MalformedRequest):
            pack_json(json.dumps([sign * overflow]).encode(), datatype, "p")


@given(
    st.sampled_from(["FP16", "BF16", "FP32", "FP64"]),
    st.lists(st.floats(-1e5, 1e5) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=9),
)
def test_special_numbers_pass_where_a_client_wrote_them(datatype: str, values: list[float]) -> None:
    """NaN and infinities go in as such and come out as the words that Triton writes."""
    if datatype == "FP16":
        values = [one for one in values if not abs(one) > 65_000 or not math.isfinite(one)]
    data, count = pack_values(values, datatype, "p")
    assert count == len(values)
    out = written_loosely(data, datatype)
    assert [math.isnan(one) for one in out] == [math.isnan(one) for one in values]
    assert [one for one in out if math.isinf(one)] == [one for one in values if math.isinf(one)]


def written_loosely(data: bytes, datatype: str) -> list[float]:
    """Read JSON with NaN and Infinity in it."""
    values: list[float] = json.loads(
        orjson.dumps(unpack_json(data, datatype), option=orjson.OPT_SERIALIZE_NUMPY)
    )
    return values


@pytest.mark.parametrize("datatype", [*INTEGERS, "BOOL", "BYTES"])
@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
def test_special_numbers_are_refused_where_they_mean_nothing(datatype: str, special: float) -> None:
    """No integer, truth value or text is NaN."""
    with pytest.raises(MalformedRequest):
        pack_values([special], datatype, "p")


@pytest.mark.parametrize(
    ("datatype", "raw"),
    [
        ("FP32", b'["1"]'),
        ("FP32", b"[true]"),
        ("FP32", b"[null]"),
        ("FP32", b"[{}]"),
        ("FP32", b"[1,]"),
        ("FP32", b"[1"),
        ("FP32", b"{}"),
        ("FP32", b'"1"'),
        ("FP32", b"1e999"),
        ("FP32", b"[1e39]"),
        ("FP32", b"[[1],[2,[]"),
        ("INT32", b"[1.5]"),
        ("INT32", b"[true]"),
        ("BOOL", b"[1]"),
        ("BYTES", b"[1]"),
        ("BYTES", b'["\\ud800"]'),
        ("BYTES", b'["\xff"]'),
        ("FP32", b"[" * 17 + b"1" + b"]" * 17),
        ("FP32", b"[" * 100_000 + b"]" * 100_000),
    ],
)
def test_what_is_no_array_of_elements_is_refused_with_its_place(datatype: str, raw: bytes) -> None:
    """Mistyped, broken and bottomless JSON is refused; the message names the place."""
    with pytest.raises(MalformedRequest, match=r"inputs\.A\.data"):
        pack_json(raw, datatype, "inputs.A.data")


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 7))
def test_texts_are_packed_walked_and_split_alike(elements: list[bytes], steps: int) -> None:
    """A walk in slices finds as many elements as were packed, and ends at the end."""
    data = pack_bytes(elements)
    assert [bytes(one) for one in unpack_bytes(data)] == elements
    position, walked = 0, 0
    while position < len(data):
        position, done = walk_bytes(data, position, steps)
        walked += done
    assert (position, walked) == (len(data), len(elements))


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=9), st.data())
def test_a_broken_length_prefix_never_passes(elements: list[bytes], data: st.DataObject) -> None:
    """Cut anywhere within an element, a walk finds that it points past the end."""
    whole = pack_bytes(elements)
    ends = {len(pack_bytes(elements[:n])) for n in range(len(elements) + 1)}
    cut = data.draw(st.sampled_from([n for n in range(1, len(whole)) if n not in ends]))
    assert walk_bytes(whole[:cut], 0, 100)[0] == -1


@given(st.binary(max_size=40))
def test_a_walk_over_anything_ends(data: bytes) -> None:
    """Whatever the bytes are, a walk stays within them or says that they are wrong."""
    position, walked = walk_bytes(data, 0, 100)
    assert position in (-1, len(data))
    assert walked <= len(data)
