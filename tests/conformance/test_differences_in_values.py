"""Values that Seawall reads or writes otherwise than Triton, on purpose."""

import gzip
import json
import struct

import pytest

from tests.conformance.json_requests import INFER, echo, row
from tests.support.exchange import exchange, post_json

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_halves_are_read_and_written_as_json(direct, guard, datatype):
    """Triton takes the 16-bit floats in binary form only."""
    document = echo(datatype, [1.5, -0.25])
    path = "/v2/models/every_type/infer"
    assert post_json(direct, path, document).status == 400
    ours = post_json(guard, path, document)
    assert ours.document["outputs"][0]["data"] == [1.5, -0.25]


@pytest.mark.parametrize(
    ("datatype", "value", "theirs"),
    [
        ("UINT8", 256, 0),
        ("INT8", 200, -56),
        ("INT16", 2**15, -(2**15)),
        ("UINT32", 2**32 + 5, 5),
        ("FP32", 1e39, float("inf")),
    ],
)
def test_numbers_that_do_not_fit_are_refused(direct, guard, datatype, value, theirs):
    """Triton computes with another number than the client sent; Seawall says which is too large."""
    document = echo(datatype, [value])
    path = "/v2/models/every_type/infer"
    assert post_json(direct, path, document).document["outputs"][0]["data"] == [theirs]
    ours = post_json(guard, path, document)
    assert (ours.status, ours.document["code"]) == (400, "malformed_request")
    assert f"IN_{datatype}.data[0]" in ours.document["error"]


def test_json_must_be_unicode(direct, guard):
    """Triton passes bytes on that no JSON parser may accept, in and out."""
    body = json.dumps(echo("BYTES", ["?"])).replace("?", "\xff").encode("latin-1")
    path = "/v2/models/every_type/infer"
    assert b"\xff" in exchange(direct, "POST", path, body).body
    assert exchange(guard, "POST", path, body).status == 400


def test_bytes_that_are_no_text_are_not_written_as_json(direct, guard):
    """Triton's answer is then no JSON; Seawall says to ask for the binary form."""
    data = struct.pack("<I", 1) + b"\xff"
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": "IN_BYTES",
                    "datatype": "BYTES",
                    "shape": [1, 1],
                    "parameters": {"binary_data_size": len(data)},
                }
            ],
            "outputs": [{"name": "OUT_BYTES"}],
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    theirs, ours = (
        exchange(one, "POST", "/v2/models/every_type/infer", header + data, headers)
        for one in (direct, guard)
    )
    assert theirs.status == 200
    assert b"\xff" in theirs.body
    assert (ours.status, ours.document["code"]) == (406, "not_acceptable")
    assert "binary_data" in ours.document["error"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"broken", {"Content-Encoding": "gzip"}),
    ],
    ids=["nothing", "no gzip"],
)
def test_a_body_that_cannot_be_read_is_no_empty_tensor(direct, guard, body, headers):
    """Triton takes it for raw data of no bytes and answers 200; Seawall says it is broken."""
    theirs = exchange(direct, "POST", INFER, body, headers)
    assert (theirs.status, theirs.document["outputs"][0]["shape"]) == (200, [1, 0])
    ours = exchange(guard, "POST", INFER, body, headers)
    assert (ours.status, ours.document["code"]) == (400, "malformed_request")


def test_a_gzip_without_its_checksum_is_broken(direct, guard):
    """Triton takes what it has got; Seawall does not answer for half a body."""
    body = gzip.compress(json.dumps(row([1.0])).encode())[:-8]
    headers = {"Content-Encoding": "gzip"}
    assert exchange(direct, "POST", INFER, body, headers).status == 200
    assert exchange(guard, "POST", INFER, body, headers).status == 400


def test_a_key_given_twice_counts_the_last_time(direct, guard):
    """Triton takes the first. Either way only one parser ever sees the client's JSON."""
    body = json.dumps(row([1.0])).replace('"data": [1.0]', '"data": [1.0], "data": [2.0]')
    got = [post_json(one, INFER, body).document["outputs"][0]["data"] for one in (direct, guard)]
    assert got == [[1.0], [2.0]]


def test_a_parameter_that_triton_would_cut_short_is_refused(direct, guard):
    """Triton ends a text at a NUL; Seawall answers nothing that was not asked."""
    document = {"TEXT": "hi", "own": "a\0b"}
    path = "/v2/models/text/generate"
    seen = json.loads(post_json(direct, path, document).document["SEEN"])
    assert seen["parameters"] == {"own": "a"}
    ours = post_json(guard, path, document)
    assert (ours.status, ours.document["code"]) == (400, "malformed_request")


def test_scheduling_parameters_keep_their_meaning_over_generate(direct, guard):
    """Triton hands them to the model; Seawall, which calls infer, to the scheduler."""
    document = {"TEXT": "hi", "priority": 1, "timeout": 10**7, "own": 1}
    theirs, ours = (
        json.loads(post_json(one, "/v2/models/text/generate", document).document["SEEN"])
        for one in (direct, guard)
    )
    assert theirs["parameters"] == {"priority": 1, "timeout": 10**7, "own": 1}
    assert ours["parameters"] == {"own": 1}


def test_reserved_parameters_are_refused_over_generate_too(direct, guard):
    """Triton refuses them over infer only."""
    document = {"TEXT": "hi", "triton_x": 1}
    path = "/v2/models/text/generate"
    assert post_json(direct, path, document).status == 200
    assert post_json(guard, path, document).status == 400


def test_nested_lists_are_flattened_over_generate_as_over_infer(direct, guard):
    """Triton counts only the outermost list."""
    document = {"TEXT": "hi", "K": [[1, 2], [3]]}
    path = "/v2/models/text/generate"
    assert post_json(direct, path, document).status == 500
    assert json.loads(post_json(guard, path, document).document["SEEN"])["k"] == [[1, 2, 3]]


@pytest.mark.parametrize("datatype", ["BOOL", "FP16", "BF16"])
def test_outputs_that_have_no_classes_are_told_by_the_contract(direct, guard, datatype):
    """Triton runs the model first and then says 400."""
    size = 1 if datatype == "BOOL" else 2
    header = json.dumps(
        {
            "inputs": [
                {
                    "name": f"IN_{datatype}",
                    "datatype": datatype,
                    "shape": [1, 1],
                    "parameters": {"binary_data_size": size},
                }
            ],
            "outputs": [{"name": f"OUT_{datatype}", "parameters": {"classification": 1}}],
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    statuses = [
        exchange(one, "POST", "/v2/models/every_type/infer", header + bytes(size), headers).status
        for one in (direct, guard)
    ]
    assert statuses == [400, 422]
