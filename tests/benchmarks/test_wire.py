"""Requests and answers in Triton's binary tensor form."""

import json

import pytest

from benchmarks.verify import tensors_differ
from benchmarks.wire import Answer, BadAnswer, Tensor, answer_tensors, bytes_element, infer_request

TENSOR = Tensor("INPUT0", "FP32", (1, 2), b"\0\0\x80?\0\0\0@")


def answer_of(raw: bytes, *, declared_bytes: int) -> Answer:
    """Make an answer with one output."""
    output = {
        "name": "OUTPUT0",
        "datatype": "FP32",
        "shape": [1, 2],
        "parameters": {"binary_data_size": declared_bytes},
    }
    header = json.dumps({"outputs": [output]}).encode()
    headers = {"inference-header-content-length": str(len(header))}
    return Answer(200, headers, header + raw)


def test_request_declares_what_it_carries() -> None:
    """Content-Length is header plus tensor, and the header's own size stands apart."""
    head, _, body = infer_request("m", TENSOR).partition(b"\r\n\r\n")
    fields = dict(line.split(b": ") for line in head.split(b"\r\n")[1:])
    header_size = int(fields[b"Inference-Header-Content-Length"])
    assert head.startswith(b"POST /v2/models/m/infer HTTP/1.1\r\n")
    assert int(fields[b"Content-Length"]) == len(body) == header_size + len(TENSOR.raw)
    assert json.loads(body[:header_size])["inputs"][0]["parameters"] == {"binary_data_size": 8}
    assert body[header_size:] == TENSOR.raw


def test_bytes_element_counts_bytes_not_characters() -> None:
    """A two-byte character counts twice."""
    assert bytes_element("é") == b"\x02\0\0\0\xc3\xa9"


def test_answer_gives_its_tensors() -> None:
    """The bytes after the header belong to the outputs in order."""
    tensors = answer_tensors(answer_of(TENSOR.raw, declared_bytes=8))
    assert tensors == {"OUTPUT0": Tensor("OUTPUT0", "FP32", (1, 2), TENSOR.raw)}


@pytest.mark.parametrize("declared_bytes", [4, 12])
def test_answer_of_another_size_is_refused(declared_bytes: int) -> None:
    """Missing or surplus bytes are never read as a tensor."""
    with pytest.raises(BadAnswer):
        answer_tensors(answer_of(TENSOR.raw, declared_bytes=declared_bytes))


def test_answer_without_binary_tensors_is_refused() -> None:
    """A JSON answer is not what was asked for."""
    with pytest.raises(BadAnswer):
        answer_tensors(Answer(200, {}, b'{"outputs": []}'))


@pytest.mark.parametrize(
    "got",
    [
        Tensor("INPUT0", "FP32", (2, 1), TENSOR.raw),
        Tensor("INPUT0", "INT32", (1, 2), TENSOR.raw),
        Tensor("INPUT0", "FP32", (1, 2), b"\0\0\x80?\0\0\0A"),
        Tensor("INPUT0", "FP32", (1, 2), b"\0\0\x80?"),
        Tensor("OTHER", "FP32", (1, 2), TENSOR.raw),
    ],
)
def test_every_difference_is_found(got: Tensor) -> None:
    """Name, datatype, shape, size and values all count."""
    assert tensors_differ({got.name: got}, {TENSOR.name: TENSOR})


def test_equal_tensors_do_not_differ() -> None:
    """Equal is equal, and the last bits of a float are not a difference."""
    nearly = Tensor("INPUT0", "FP32", (1, 2), b"\x01\0\x80?\0\0\0@")
    assert tensors_differ({"INPUT0": TENSOR}, {"INPUT0": TENSOR}) == ""
    assert tensors_differ({"INPUT0": nearly}, {"INPUT0": TENSOR}) == ""
