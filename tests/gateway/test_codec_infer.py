"""Whole bodies of ``/infer``: decoded, sent on, and encoded again."""

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import derive_contract
from control.core.datatypes import BYTES, DATATYPES, ELEMENT_BYTES
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput
from control.errors import BadUpstreamAnswer, ControlError, Forbidden, MalformedRequest, TooLarge
from control.gateway.codec.elements import pack_bytes
from control.gateway.codec.infer_answer import encode_infer
from control.gateway.codec.infer_request import decode_infer, decode_raw, deduce_shape
from control.gateway.codec.triton_form import decode_from_triton, encode_for_triton
from tests.gateway.test_codec_elements import elements_of

LIMIT = 1 << 20


def binary_of(datatype: str, count: int) -> st.SearchStrategy[bytes]:
    """Raw bytes of some elements."""
    if datatype == BYTES:
        elements = st.lists(st.binary(max_size=9), min_size=count, max_size=count)
        return elements.map(pack_bytes)
    size = ELEMENT_BYTES[datatype] * count
    return st.binary(min_size=size, max_size=size)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, str, list[int], bytes]:
    """Name, datatype, shape and raw bytes that belong together."""
    datatype = draw(st.sampled_from(sorted(DATATYPES)))
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    data = draw(binary_of(datatype, math.prod(shape)))
    return draw(st.text(min_size=1, max_size=5)), datatype, shape, data


def binary_body(parts: list[tuple[str, str, list[int], bytes]], **more: Any) -> tuple[bytes, bytes]:
    """A body in binary form and its header length."""
    inputs = [
        {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(data)}}
        for n, d, s, data in parts
    ]
    header = json.dumps({"inputs": inputs, **more}).encode()
    return header + b"".join(data for *_, data in parts), b"%d" % len(header)


def json_body(**changes: Any) -> bytes:
    """A good JSON body with one input, but for the changes to that input."""
    one = {"name": "A", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0], **changes}
    return json.dumps({"inputs": [{k: v for k, v in one.items() if v is not None}]}).encode()


@given(st.lists(tensors(), min_size=1, max_size=4), st.text(max_size=9))
def test_what_a_client_sends_is_what_triton_gets(
    parts: list[tuple[str, str, list[int], bytes]], request_id: str
) -> None:
    """Decoded and encoded for Triton, a binary request is the same request."""
    body, length = binary_body(parts, id=request_id)
    header, data = encode_for_triton(decode_infer(body, length, LIMIT))
    document = json.loads(header)
    assert [
        (one["name"], one["datatype"], one["shape"], bytes(raw))
        for one, raw in zip(document["inputs"], data, strict=True)
    ] == parts
    assert document.get("id", "") == request_id
    sizes = [one["parameters"]["binary_data_size"] for one in document["inputs"]]
    assert sizes == [len(raw) for raw in data]


@given(
    st.sampled_from(sorted(DATATYPES)).flatmap(
        lambda d: st.tuples(st.just(d), st.lists(elements_of(d), min_size=1, max_size=9))
    )
)
def test_json_in_is_json_out(typed: tuple[str, list[Any]]) -> None:
    """An echo of a JSON request, by way of Triton's binary form, is the JSON that came."""
    datatype, values = typed
    body = json_body(datatype=datatype, shape=[len(values)], data=values)
    request = decode_infer(body, None, LIMIT)
    answer = decode_from_triton(
        *triton_answer([("O", datatype, [len(values)], request.inputs[0].data)])
    )
    reply = encode_infer(request, answer)
    (output,) = json.loads(b"".join(map(bytes, reply.body)))["outputs"]
    again = decode_infer(json_body(**{**output, "name": "A"}), None, LIMIT)
    assert again.inputs == request.inputs


def triton_answer(
    outputs: list[tuple[str, str, list[int], Any]], **more: Any
) -> tuple[dict[bytes, bytes], bytes]:
    """Headers and body of an answer of Triton's."""
    header = json.dumps(
        {
            "model_name": "m",
            "model_version": "1",
            "outputs": [
                {
                    "name": n,
                    "datatype": d,
                    "shape": s,
                    "parameters": {"binary_data_size": len(data)},
                }
                for n, d, s, data in outputs
            ],
            **more,
        }
    ).encode()
    binary = b"".join(bytes(data) for *_, data in outputs)
    return {b"inference-header-content-length": b"%d" % len(header)}, header + binary


@given(st.lists(tensors(), min_size=1, max_size=4, unique_by=lambda one: one[0]), st.data())
def test_each_output_comes_in_the_form_that_was_asked_for(
    parts: list[tuple[str, str, list[int], bytes]], data: st.DataObject
) -> None:
    """Binary outputs stand behind the JSON in order, each with its size, and no byte is left."""
    binary = data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    answer = decode_from_triton(*triton_answer(parts, id="i", parameters={"p": 1}))
    asked = [RequestedOutput(one[0], flag) for one, flag in zip(parts, binary, strict=True)]
    try:
        reply = encode_infer(InferRequest([], asked), answer)
    except BadUpstreamAnswer as error:
        assert "UTF-8" in error.message  # noqa: PT017 - random bytes may be no text
        return
    whole = b"".join(map(bytes, reply.body))
    length = int(dict(reply.headers).get(b"Inference-Header-Content-Length", len(whole)))
    document = json.loads(whole[:length])
    assert (document["model_name"], document["id"], document["parameters"]) == ("m", "i", {"p": 1})
    rest = whole[length:]
    for output, (_, _, _, raw), flag in zip(document["outputs"], parts, binary, strict=True):
        if flag:
            size = output["parameters"]["binary_data_size"]
            assert rest[:size] == raw
            rest = rest[size:]
        else:
            assert isinstance(output["data"], list)
    assert rest == b""


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


# -- raw requests


def contract_with(datatype: str, dims: list[int], batch: int = 0, inputs: int = 1) -> Any:
    """A contract with equal inputs."""
    return derive_contract(
        {
            "name": "m",
            "max_batch_size": batch,
            "input": [
                {"name": f"A{n}", "data_type": f"TYPE_{datatype}", "dims": dims}
                for n in range(inputs)
            ],
        }
    )


@pytest.mark.parametrize(
    ("dims", "batch", "count", "shape"),
    [
        ([3], 0, 3, [3]),
        ([-1], 0, 5, [5]),
        ([2, -1], 0, 6, [2, 3]),
        ([3], 8, 6, [2, 3]),
        ([-1], 8, 5, [1, 5]),
        ([-1], 0, 0, [0]),
        ([1], 0, 1, [1]),
        ([3], 0, 4, None),
        ([3], 0, 6, None),
        ([-1, -1], 0, 4, None),
        ([0], 0, 0, None),
        ([2, -1], 8, 5, None),
    ],
)
def test_a_shape_is_deduced_from_the_count_or_refused(
    dims: list[int], batch: int, count: int, shape: list[int] | None
) -> None:
    """The free dimension takes what is left, else the batch; two free ones are a guess."""
    contract = contract_with("FP32", dims, batch)
    if shape is None:
        with pytest.raises(MalformedRequest):
            deduce_shape(contract, tuple(dims), count, "p")
    else:
        assert deduce_shape(contract, tuple(dims), count, "p") == shape


def test_a_raw_body_is_one_tensor() -> None:
    """Without any JSON, the body is the input, and the answer is binary."""
    request = decode_raw(b"12345678", contract_with("FP32", [-1]))
    assert request.binary_default
    assert (request.inputs[0].name, request.inputs[0].shape) == ("A0", [2])
    text = decode_raw(b"abc", contract_with("STRING", [1], batch=4))
    assert (text.inputs[0].shape, text.inputs[0].data) == ([1, 1], b"\x03\0\0\0abc")


def test_a_raw_body_that_fits_nothing_is_refused() -> None:
    """Half an element, or a model with two inputs, cannot be meant."""
    with pytest.raises(MalformedRequest, match="whole FP32"):
        decode_raw(b"123", contract_with("FP32", [-1]))
    with pytest.raises(MalformedRequest, match="one input"):
        decode_raw(b"1234", contract_with("FP32", [-1], inputs=2))


# -- Triton's side


@pytest.mark.parametrize(
    ("outputs", "parameters"),
    [
        ([], {}),
        ([RequestedOutput("O", binary=False, classification=2)], {"k": 1}),
        ([RequestedOutput("O", binary=True)], {}),
    ],
)
def test_triton_is_always_asked_for_binary(
    outputs: list[RequestedOutput], parameters: dict[str, Any]
) -> None:
    """However the client wants its answer, Triton gives it in binary form."""
    request = decode_infer(json_body(), None, LIMIT)
    request.outputs, request.parameters = outputs, parameters
    document = json.loads(encode_for_triton(request)[0])
    if outputs:
        assert all(one["parameters"]["binary_data"] is True for one in document["outputs"])
    else:
        assert document["parameters"]["binary_data_output"] is True
    for name, value in parameters.items():
        assert document["parameters"][name] == value


BROKEN_ANSWERS = [
    ({}, b""),
    ({}, b"nonsense"),
    ({}, b"[]"),
    ({}, b"{}"),
    ({b"inference-header-content-length": b"x"}, b"nonsense"),
    ({b"inference-header-content-length": b"-5"}, b"nonsense"),
    ({b"inference-header-content-length": b"99999"}, b"nonsense"),
]


@pytest.mark.parametrize(("headers", "body"), BROKEN_ANSWERS)
def test_an_answer_that_is_none_is_a_bad_answer(headers: dict[bytes, bytes], body: bytes) -> None:
    """Nothing that Triton sends makes the gateway itself fail."""
    with pytest.raises(BadUpstreamAnswer):
        decode_from_triton(headers, body)


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        ({"parameters": {}}, b""),
        ({"parameters": {"binary_data_size": "4"}}, b""),
        ({"parameters": {"binary_data_size": 400}}, b""),
        ({"parameters": {"binary_data_size": -4}, "shape": [-1]}, b""),
        ({"parameters": {"binary_data_size": 4}, "shape": [-1, -1]}, b""),
        ({"shape": [2]}, b""),
        ({"datatype": "FP8"}, b""),
        ({}, b"x"),
    ],
)
def test_an_answer_that_does_not_add_up_is_a_bad_answer(
    changes: dict[str, Any], extra: bytes
) -> None:
    """Sizes, shapes and bytes of each output must agree."""
    output = {
        "name": "O",
        "datatype": "FP32",
        "shape": [1],
        "parameters": {"binary_data_size": 4},
        **changes,
    }
    header = json.dumps({"model_name": "m", "model_version": "1", "outputs": [output]}).encode()
    headers = {b"inference-header-content-length": b"%d" % len(header)}
    with pytest.raises(BadUpstreamAnswer):
        decode_from_triton(headers, header + b"1234" + extra)


@given(st.binary(max_size=60))
def test_random_answers_are_bad_answers(body: bytes) -> None:
    """Whatever comes back, only BadUpstreamAnswer is raised."""
    with pytest.raises(BadUpstreamAnswer):
        decode_from_triton({}, body)


def test_text_that_is_no_utf_8_asks_for_the_binary_form() -> None:
    """JSON cannot carry such bytes; the message says what can."""
    answer = decode_from_triton(*triton_answer([("O", "BYTES", [1], pack_bytes([b"\xff"]))]))
    with pytest.raises(BadUpstreamAnswer, match="binary_data"):
        encode_infer(InferRequest([]), answer)


def test_an_all_binary_answer_goes_out_as_triton_wrote_it() -> None:
    """Nothing is copied or written anew where nothing has to change."""
    headers, body = triton_answer([("O", "FP32", [1], b"1234")])
    answer = decode_from_triton(headers, body)
    reply = encode_infer(InferRequest([], binary_default=True), answer)
    assert b"".join(map(bytes, reply.body)) == body
    answer.tensors = [AnswerTensor("O", "BYTES", [1], pack_bytes([b"x"]))]
    answer.as_triton_wrote_it = False
    assert (
        b"".join(map(bytes, encode_infer(InferRequest([], binary_default=True), answer).body))
        != body
    )
