"""Tensors of every datatype, in every form that a Triton client can send and ask for."""

import json

import numpy as np
import pytest
import tritonclient.http as triton
from ml_dtypes import bfloat16
from tritonclient.utils import InferenceServerException

from tests.support.exchange import exchange

pytestmark = pytest.mark.triton

VALUES = {
    "BOOL": np.array([[True, False, True]]),
    "UINT8": np.array([[0, 1, 2**8 - 1]], np.uint8),
    "UINT16": np.array([[0, 1, 2**16 - 1]], np.uint16),
    "UINT32": np.array([[0, 1, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 1, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-(2**7), 0, 2**7 - 1]], np.int8),
    "INT16": np.array([[-(2**15), 0, 2**15 - 1]], np.int16),
    "INT32": np.array([[-(2**31), 0, 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 0, 2**63 - 1]], np.int64),
    "FP16": np.array([[0.1, -65504, 6e-8]], np.float16),
    "BF16": np.array([[0.1, -3.3e38, 1e-40]], bfloat16),
    "FP32": np.array([[0.1, -3.4e38, 1e-45]], np.float32),
    "FP64": np.array([[0.1, -1.7e308, 5e-324]], np.float64),
    "BYTES": np.array([[b"plain", b"", "Grüße 🌊".encode()]], np.object_),
}
HALVES = {"FP16", "BF16"}
FULL = sorted(set(VALUES) - HALVES)


def tensor(datatype, values, *, binary=True):
    """An input of the model that gives back every datatype."""
    made = triton.InferInput(f"IN_{datatype}", values.shape, datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def output(datatype, *, binary=True):
    """The matching output."""
    return triton.InferRequestedOutput(f"OUT_{datatype}", binary_data=binary)


def echo(client, datatype, values, *, send_binary=True, ask_binary=True):
    """Send values through the model and give what comes back."""
    result = client.infer(
        "every_type",
        [tensor(datatype, values, binary=send_binary)],
        outputs=[output(datatype, binary=ask_binary)],
    )
    return result.as_numpy(f"OUT_{datatype}")


def assert_same(got, sent):
    """Values, shape and datatype have come through."""
    assert got.shape == sent.shape
    if sent.dtype == np.object_:
        as_bytes = [one.encode() if isinstance(one, str) else one for one in got.ravel()]
        assert as_bytes == sent.ravel().tolist()
    else:
        assert got.dtype == sent.dtype
        if sent.dtype == bfloat16:
            got, sent = got.astype(np.float32), sent.astype(np.float32)
        assert np.array_equal(got, sent, equal_nan=sent.dtype.kind == "f")


@pytest.mark.parametrize("datatype", VALUES)
def test_binary_both_ways(client, datatype):
    """Every datatype comes back from the binary form bit for bit."""
    assert_same(echo(client, datatype, VALUES[datatype]), VALUES[datatype])


@pytest.mark.parametrize("datatype", FULL)
@pytest.mark.parametrize(
    ("send_binary", "ask_binary"), [(False, False), (False, True), (True, False)]
)
def test_json_on_either_side(client, datatype, send_binary, ask_binary):
    """Every datatype that Triton writes as JSON comes back from JSON, with no value changed."""
    got = echo(client, datatype, VALUES[datatype], send_binary=send_binary, ask_binary=ask_binary)
    assert_same(got, VALUES[datatype])


def test_all_datatypes_in_one_request_some_binary_some_json(client):
    """Binary and JSON tensors may stand beside each other, inputs and outputs alike."""
    names = list(VALUES)
    inputs = [
        tensor(one, VALUES[one], binary=one in HALVES or number % 2 == 0)
        for number, one in enumerate(names)
    ]
    outputs = [
        output(one, binary=one in HALVES or number % 3 == 0)
        for number, one in enumerate(reversed(names))
    ]
    result = client.infer("every_type", inputs, outputs=outputs)
    for one in names:
        assert_same(result.as_numpy(f"OUT_{one}"), VALUES[one])


def test_outputs_come_binary_where_none_are_named(client):
    """A client that names no outputs gets all of them, in binary form."""
    sent = np.array([[1.5, 2.5]], np.float32)
    given = triton.InferInput("INPUT0", sent.shape, "FP32")
    given.set_data_from_numpy(sent)
    result = client.infer("identity", [given])
    assert_same(result.as_numpy("OUTPUT0"), sent)
    assert result.get_output("OUTPUT0")["parameters"] == {"binary_data_size": 8}


@pytest.mark.parametrize("datatype", VALUES)
@pytest.mark.parametrize("shape", [(1, 0), (3, 0)])
def test_empty_tensors(client, datatype, shape):
    """A tensor without elements is a tensor."""
    sent = np.empty(shape, VALUES[datatype].dtype)
    got = echo(client, datatype, sent)
    assert (0 if got is None else got.size) == 0


@pytest.mark.parametrize("datatype", FULL)
def test_empty_tensors_in_json(client, datatype):
    """Likewise where it travels as an empty array."""
    sent = np.empty((1, 0), VALUES[datatype].dtype)
    got = echo(client, datatype, sent, send_binary=False, ask_binary=False)
    assert got.shape == (1, 0)


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@pytest.mark.parametrize("send_binary", [True, False])
@pytest.mark.parametrize("ask_binary", [True, False])
def test_what_is_no_finite_number(client, datatype, send_binary, ask_binary):
    """Not-a-number and both infinities pass in every form, with their signs."""
    sent = np.array([[np.nan, np.inf, -np.inf, 1.0, -0.0]], VALUES[datatype].dtype)
    got = echo(client, datatype, sent, send_binary=send_binary, ask_binary=ask_binary)
    assert_same(got, sent)
    assert np.signbit(got[0, 4])


def test_halves_that_are_no_finite_number(client):
    """The 16-bit formats carry them in binary form."""
    for datatype in HALVES:
        sent = np.array([[np.nan, np.inf, -np.inf]], VALUES[datatype].dtype)
        assert_same(echo(client, datatype, sent), sent)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "\x00\x01\x1f\x7f",
        '"quoted" \\ and / slashed',
        "line\nbreak\r\n\ttab",
        "Grüße",
        "漢字",
        "🌊 a\u0301 \u202e \ufeff \uffff",
        "NaN",
        "Infinity",
        "null",
        '{"inputs": []}',
        "x" * 100_000,
    ],
    ids=lambda text: ascii(text)[:24],
)
@pytest.mark.parametrize("binary", [True, False])
def test_texts(client, text, binary):
    """Any text comes back as it was, whatever it looks like to a parser."""
    sent = np.array([[text.encode()]], np.object_)
    assert_same(echo(client, "BYTES", sent, send_binary=binary, ask_binary=binary), sent)


def test_bytes_that_are_no_text(client):
    """In binary form BYTES are bytes, not text."""
    sent = np.array([[bytes(range(256)), b"\xff\xfe", b"\xc3\x28"]], np.object_)
    assert_same(echo(client, "BYTES", sent), sent)


def test_many_strings(client):
    """The length prefixes of ten thousand elements are followed rightly."""
    sent = np.array([[b"%d" % number * (number % 7) for number in range(10_000)]], np.object_)
    assert_same(echo(client, "BYTES", sent), sent)
    assert_same(echo(client, "BYTES", sent, send_binary=False, ask_binary=False), sent)


@pytest.mark.parametrize("megabytes", [1, 10])
def test_large_tensors(client, megabytes):
    """Megabytes come back bit for bit."""
    sent = np.arange(megabytes * 262_144, dtype=np.float32).reshape(4, -1)
    assert_same(echo(client, "FP32", sent), sent)


def test_large_json(client):
    """A megabyte of JSON does as well, both ways."""
    sent = np.random.default_rng(0).standard_normal((2, 25_000)).astype(np.float32)
    assert_same(echo(client, "FP32", sent, send_binary=False, ask_binary=False), sent)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_batches(client, batch):
    """Every row of a batch comes back in its place."""
    sent = np.arange(batch * 3, dtype=np.int32).reshape(batch, 3)
    assert_same(echo(client, "INT32", sent), sent)


def test_a_batch_beyond_the_limit(client):
    """One row too many is refused."""
    with pytest.raises(InferenceServerException):
        echo(client, "INT32", np.zeros((9, 1), np.int32))


def test_nested_json_is_taken_row_by_row(address):
    """Data may be nested as the shape says, or flat; the answer is flat."""
    document = {
        "inputs": [
            {"name": "IN_INT32", "datatype": "INT32", "shape": [2, 2], "data": [[1, 2], [3, 4]]}
        ],
        "outputs": [{"name": "OUT_INT32"}],
    }
    answer = exchange(address, "POST", "/v2/models/every_type/infer", json.dumps(document).encode())
    assert answer.status == 200
    assert answer.document["outputs"] == [
        {"name": "OUT_INT32", "datatype": "INT32", "shape": [2, 2], "data": [1, 2, 3, 4]}
    ]
