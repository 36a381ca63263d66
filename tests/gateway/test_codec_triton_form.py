"""Triton's side of the codec: what it is asked, and answers that are none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.tensors import RequestedOutput
from control.errors import BadUpstreamAnswer
from control.gateway.codec.infer_request import decode_infer
from control.gateway.codec.triton_form import decode_from_triton, encode_for_triton
from tests.gateway.infer_bodies import LIMIT, json_body


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
    document = json.loads(encode_for_triton(request).header)
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
