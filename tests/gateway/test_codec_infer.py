"""Whole bodies of ``/infer``: decoded, sent on, and encoded again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.datatypes import DATATYPES
from control.core.elements import pack_bytes
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput
from control.errors import NotAcceptable
from control.gateway.codec.infer_answer import encode_infer
from control.gateway.codec.infer_request import decode_infer
from control.gateway.codec.triton_form import decode_from_triton, encode_for_triton
from tests.gateway.infer_bodies import LIMIT, binary_body, json_body, tensors, triton_answer
from tests.gateway.test_codec_elements import elements_of


@given(st.lists(tensors(), min_size=1, max_size=4), st.text(max_size=9))
def test_what_a_client_sends_is_what_triton_gets(
    parts: list[tuple[str, str, list[int], bytes]], request_id: str
) -> None:
    """Decoded and encoded for Triton, a binary request is the same request."""
    body, length = binary_body(parts, id=request_id)
    encoded = encode_for_triton(decode_infer(body, length, LIMIT))
    header, data = encoded.header, encoded.data
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
    except NotAcceptable as error:
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


def test_text_that_is_no_utf_8_asks_for_the_binary_form() -> None:
    """JSON cannot carry such bytes; the message says what can."""
    answer = decode_from_triton(*triton_answer([("O", "BYTES", [1], pack_bytes([b"\xff"]))]))
    with pytest.raises(NotAcceptable, match="binary_data"):
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
