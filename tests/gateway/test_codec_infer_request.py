"""Bodies of ``/infer`` that are no requests, and what is taken of those that are."""

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import ControlError, Forbidden, MalformedRequest, TooLarge
from control.gateway.codec.infer_request import decode_infer
from tests.gateway.infer_bodies import LIMIT, binary_body, json_body


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "invalid request"),
        (b"{", "invalid request"),
        (b"[]", "invalid request"),
        (b"{}", "inputs"),
        (b'{"inputs":[]}', "no inputs"),
        (b'{"inputs":{}}', "inputs"),
        (b"[" * 50_000, "nested too deeply|top level|invalid"),
        (b'{"inputs":[], "x":' + b"[" * 50_000, "nested too deeply|invalid"),
        (json_body(name=None), "name"),
        (json_body(name=1), "name"),
        (json_body(name="x" * 300), "name"),
        (json_body(datatype="FP8"), "datatype"),
        (json_body(datatype=None), "datatype"),
        (json_body(shape=None), "shape"),
        (json_body(shape=[-1, 2]), "shape"),
        (json_body(shape=[1.5]), "shape"),
        (json_body(shape=[2**63]), "shape"),
        (json_body(shape=[True, 2]), "shape"),
        (json_body(shape=[1] * 17), "dimensions"),
        (json_body(shape=[2**40, 2]), "multiply"),
        (json_body(shape=[2**62, 2**62, 0], data=[]), "multiply"),
        (json_body(shape=[2**32, 2**32], data=[]), "multiply"),
        (json_body(shape=[3]), "needs 3 elements, got 2"),
        (json_body(shape=[2, 2]), "needs 4 elements, got 2"),
        (json_body(data=None), "neither"),
        (json_body(data="12"), "inputs.A.data"),
        (json_body(parameters={"binary_data_size": 8}), "both"),
        (json_body(parameters=[]), "parameters"),
        (json_body(data=None, parameters={"binary_data_size": 8}), "only 0 are in the body"),
        (json_body() + b" x", "invalid request"),
        (json_body()[:-1] + b',"id":1}', "id"),
        (json_body()[:-1] + b',"id":"%s"}' % (b"x" * 1025), "id"),
        (
            json_body()[:-1] + b',"outputs":[{"name":"O","parameters":{"classification":-1}}]}',
            "class",
        ),
        (
            json_body()[:-1] + b',"outputs":[{"name":"O","parameters":{"binary_data":1}}]}',
            "binary_data",
        ),
        (json_body()[:-1] + b',"outputs":[{}]}', "name"),
        (json_body()[:-1] + b',"parameters":{"triton_x":1}}', "reserved"),
        (json_body()[:-1] + b',"parameters":{"x":[1]}}', "parameters"),
        (json_body()[:-1] + b',"parameters":{"binary_data_output":1}}', "binary_data_output"),
        (json_body(datatype="BYTES", shape=[1], data=["\ud800"]), "data|JSON"),
        (json_body(data=[math.nan, "1"]), "data"),
        (b'{"inputs": NaN}', "inputs"),
        (b'{"inputs": [NaN', "JSON"),
    ],
)
def test_malformed_requests_are_refused_with_the_place(body: bytes, place: str) -> None:
    """Each fault is a 400 whose message says where it is."""
    with pytest.raises(MalformedRequest, match=place):
        decode_infer(body, None, LIMIT)


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs":[{"name":"T","datatype":"BYTES","shape":[1],"data":["\\ud800"]}],"parameters":{"x":NaN}}',
        b'{"id":"\\udfff","inputs":[{"name":"A","datatype":"FP32","shape":[1],"data":[NaN]}]}',
        b'{"inputs":[{"name":"\\ud800","datatype":"FP32","shape":[1],"data":[NaN]}]}',
    ],
)
def test_half_a_character_is_refused_beside_a_nan_too(body: bytes) -> None:
    """The tolerant parser, which knows NaN, lets no lone surrogate through."""
    with pytest.raises(MalformedRequest):
        decode_infer(body, None, LIMIT)


@pytest.mark.parametrize("length", [b"", b"-1", b"x", b"1e3", b"+5", b"99999", b"5, 5"])
def test_a_header_length_that_is_none_is_refused(length: bytes) -> None:
    """The header's length is a number of bytes within the body."""
    with pytest.raises(MalformedRequest):
        decode_infer(json_body(), length, LIMIT)


@given(st.binary(max_size=200), st.none() | st.integers(0, 250).map(lambda n: b"%d" % n))
def test_garbage_is_always_a_refusal(body: bytes, length: bytes | None) -> None:
    """Whatever the bytes, nothing but a ControlError is raised."""
    with pytest.raises(ControlError):
        decode_infer(body, length, LIMIT)


@pytest.mark.parametrize(
    ("size", "shape", "datatype"),
    [(7, [1, 2], "FP32"), (9, [1, 2], "FP32"), (8, [1, 1], "FP32"), (8, [3], "FP16")],
)
def test_sizes_that_disagree_with_the_shape_are_refused(
    size: int, shape: list[int], datatype: str
) -> None:
    """A fixed-size tensor has exactly the bytes of its shape."""
    body, length = binary_body([("A", datatype, shape, b"x" * size)])
    with pytest.raises(MalformedRequest, match="needs"):
        decode_infer(body, length, LIMIT)


@pytest.mark.parametrize("size", [True, 1.5, "8", -8])
def test_a_size_that_is_no_number_of_bytes_is_refused(size: object) -> None:
    """Only a plain number counts as a size."""
    with pytest.raises(MalformedRequest, match="binary_data_size"):
        decode_infer(json_body(data=None, parameters={"binary_data_size": size}), None, LIMIT)


def test_bytes_behind_the_last_tensor_are_refused() -> None:
    """What belongs to no tensor belongs to nobody."""
    body, length = binary_body([("A", "FP32", [1], b"1234")])
    with pytest.raises(MalformedRequest, match="1 bytes follow"):
        decode_infer(body + b"x", length, LIMIT)


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_shared_memory_is_forbidden(part: str) -> None:
    """No client reaches into Triton's memory."""
    document = json.loads(json_body())
    document.setdefault(part, [{"name": "O"}])[0]["parameters"] = {"shared_memory_region": "r"}
    with pytest.raises(Forbidden):
        decode_infer(json.dumps(document).encode(), None, LIMIT)


def test_json_beyond_its_limit_is_too_large() -> None:
    """The limit is on the JSON part, not on binary tensors."""
    with pytest.raises(TooLarge):
        decode_infer(json_body(), None, 10)
    body, length = binary_body([("A", "UINT8", [1000], b"x" * 1000)])
    decode_infer(body, length, int(length))
    with pytest.raises(TooLarge):
        decode_infer(body, length, int(length) - 1)


def test_nan_and_infinity_are_taken_as_triton_takes_them() -> None:
    """Words that JSON proper has not pass in the data."""
    request = decode_infer(json_body(shape=[3], data=[math.nan, math.inf, -math.inf]), None, LIMIT)
    nan, *infinite = struct.unpack("<3f", request.inputs[0].data)
    assert math.isnan(nan)
    assert infinite == [math.inf, -math.inf]
