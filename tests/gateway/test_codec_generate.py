"""The ``/generate`` form."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import Contract, derive_contract
from control.core.elements import pack_bytes
from control.core.tensors import AnswerTensor, Tensor
from control.errors import ControlError, MalformedRequest, TooLarge
from control.gateway.codec.generate import decode_generate, encode_generate, generate_reply
from control.gateway.codec.triton_form import Answer

LIMIT = 1 << 16


def contract(*inputs: tuple[str, str, list[int]], batch: int = 8) -> Contract:
    """A contract with these inputs."""
    return derive_contract(
        {
            "name": "m",
            "max_batch_size": batch,
            "input": [
                {"name": name, "data_type": f"TYPE_{datatype}", "dims": dims, "optional": True}
                for name, datatype, dims in inputs
            ],
        }
    )


TEXT = contract(("TEXT", "STRING", [1]), ("K", "INT32", [-1]))


def decode(document: Any, of: Contract = TEXT) -> Any:
    """Decode a document."""
    return decode_generate(json.dumps(document).encode(), of, LIMIT)


def answer(*tensors: AnswerTensor, request_id: str = "") -> Answer:
    """An answer with these outputs."""
    return Answer("m", "1", request_id, None, list(tensors), b"", b"")


def test_keys_are_inputs_or_parameters() -> None:
    """A key that names an input is that input; any other is a parameter, nested ones too."""
    request = decode(
        {"TEXT": "hi", "K": [1, 2], "id": "i", "top": 1, "parameters": {"deep": "x", "flag": True}}
    )
    assert request.inputs == [
        Tensor("TEXT", "BYTES", [1, 1], b"\x02\0\0\0hi"),
        Tensor("K", "INT32", [1, 2], struct.pack("<2i", 1, 2)),
    ]
    assert request.parameters == {"id": "i", "top": 1, "deep": "x", "flag": True}
    assert request.request_id == "i"


def test_an_input_may_be_called_anything() -> None:
    """An input named id, or parameters, is an input."""
    of = contract(("id", "INT32", [1]), ("parameters", "INT32", [1]), batch=0)
    request = decode({"parameters": 2}, of)
    assert request.inputs == [Tensor("parameters", "INT32", [1], b"\2\0\0\0")]


@pytest.mark.parametrize(
    "document",
    [
        [],
        "x",
        None,
        {"TEXT": 1},
        {"TEXT": None},
        {"TEXT": {}},
        {"TEXT": ["a", ["b", 1]]},
        {"K": 1.5},
        {"K": 2**31},
        {"TEXT": "x", "other": [1]},
        {"TEXT": "x", "other": None},
        {"TEXT": "x", "id": 7},
        {"TEXT": "x", "id": "x" * 1025},
        {"TEXT": "x", "parameters": [1]},
        {"TEXT": "x", "triton_enable": 1},
    ],
)
def test_what_fits_nowhere_is_refused(document: Any) -> None:
    """A value that is neither an input nor a parameter makes the request malformed."""
    with pytest.raises(MalformedRequest):
        decode(document)


def test_too_much_json_is_too_large() -> None:
    """The limit on JSON holds here as well."""
    with pytest.raises(TooLarge):
        decode({"TEXT": "x" * LIMIT})


@given(st.binary(max_size=100))
def test_garbage_is_always_a_refusal(body: bytes) -> None:
    """Whatever the bytes, nothing but a ControlError is raised."""
    with pytest.raises(ControlError):
        decode_generate(b"\x00" + body, TEXT, LIMIT)


@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"TEXT":' * 50_000])
def test_bottomless_json_is_refused(body: bytes) -> None:
    """Nesting beyond the parser's depth is malformed, not a crash."""
    with pytest.raises(MalformedRequest):
        decode_generate(body, TEXT, len(body))


def test_half_a_character_is_refused_beside_a_nan_too() -> None:
    """The tolerant parser lets no lone surrogate through."""
    with pytest.raises(MalformedRequest):
        decode_generate(b'{"TEXT":"\\ud800","x":NaN}', TEXT, LIMIT)


def test_one_element_is_itself_and_several_are_an_array() -> None:
    """A scalar output reads as a scalar."""
    whole = encode_generate(
        answer(
            AnswerTensor("ONE", "FP32", [1, 1], struct.pack("<f", 0.5)),
            AnswerTensor("TWO", "INT64", [1, 2], struct.pack("<2q", 1, -2)),
            AnswerTensor("NONE", "INT64", [1, 0], b""),
            AnswerTensor("TEXT", "BYTES", [1, 1], pack_bytes(["ä".encode()])),
            AnswerTensor("FLAG", "BOOL", [1], b"\1"),
            request_id="i",
        )
    )
    assert json.loads(whole) == {
        "ONE": 0.5,
        "TWO": [1, -2],
        "NONE": [],
        "TEXT": "ä",
        "FLAG": True,
        "id": "i",
        "model_name": "m",
        "model_version": "1",
    }


def test_one_nan_is_itself_too() -> None:
    """A scalar that is no number is a scalar all the same."""
    nan = struct.pack("<f", float("nan"))
    assert b'"A":NaN' in encode_generate(answer(AnswerTensor("A", "FP32", [1], nan)))
    assert b'"A":[NaN' in encode_generate(answer(AnswerTensor("A", "FP32", [2], nan * 2)))


def test_a_stream_is_one_event() -> None:
    """A model that is not decoupled answers a stream with its one answer."""
    reply = generate_reply(b"{}", stream=True)
    assert b"".join(map(bytes, reply.body)) == b"data: {}\n\n"
    assert reply.content_type.startswith(b"text/event-stream")
    assert generate_reply(b"{}", stream=False).content_type == b"application/json"
