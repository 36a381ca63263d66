"""Where Seawall answers otherwise than Triton, on purpose. Each test says both sides."""

import gzip
import json
import struct

import pytest
import tritonclient.http as triton

from tests.support.exchange import exchange, post_json

pytestmark = pytest.mark.triton

INFER = "/v2/models/identity/infer"


def row(data, shape=None, name="INPUT0", datatype="FP32"):
    """A JSON request with one tensor."""
    shape = shape or [1, len(data)]
    return {"inputs": [{"name": name, "datatype": datatype, "shape": shape, "data": data}]}


def echo(datatype, data):
    """A JSON request that sends one tensor through the model of all datatypes."""
    return {**row(data, None, f"IN_{datatype}", datatype), "outputs": [{"name": f"OUT_{datatype}"}]}


# -- errors


@pytest.mark.parametrize(
    ("document", "path", "rule"),
    [
        (row([1.0], name="INPUT9"), "inputs.INPUT9", "unknown_input"),
        (row([1], datatype="INT32"), "inputs.INPUT0.datatype", "datatype"),
        (row([1.0], [1]), "inputs.INPUT0.shape", "shape"),
        (row([1.0], [1, 1, 1]), "inputs.INPUT0.shape", "shape"),
        (row([1.0] * 65, [65, 1]), "inputs.INPUT0.shape", "batch_size"),
        (row([], [0, 1]), "inputs.INPUT0.shape", "batch_size"),
        ({**row([1.0]), "outputs": [{"name": "X"}]}, "outputs.X", "unknown_output"),
    ],
)
def test_a_breach_of_the_contract_is_422(direct, guard, document, path, rule):
    """Triton says 400 to both; Seawall tells a request it cannot read from one it cannot take."""
    theirs, ours = post_json(direct, INFER, document), post_json(guard, INFER, document)
    assert (theirs.status, ours.status) == (400, 422)
    assert set(theirs.document) == {"error"}
    assert ours.document["code"] == "contract_violation"
    assert (path, rule) in [(one["path"], one["rule"]) for one in ours.document["violations"]]


def test_all_breaches_are_told_at_once(direct, guard):
    """Triton tells the first; Seawall lists every one."""
    document = {**row([1], [1], datatype="INT32"), "outputs": [{"name": "X"}, {"name": "Y"}]}
    theirs, ours = post_json(direct, INFER, document), post_json(guard, INFER, document)
    assert (theirs.status, ours.status) == (400, 422)
    assert [one["rule"] for one in ours.document["violations"]] == [
        "datatype",
        "shape",
        "unknown_output",
        "unknown_output",
    ]


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"inputs": 5}', '{"id": 5, "inputs": []}'], ids=lambda body: body
)
def test_what_is_malformed_is_400(direct, guard, body):
    """Triton says 500 to what it cannot parse, as if it had failed itself."""
    assert post_json(direct, INFER, body).status == 500
    ours = post_json(guard, INFER, body)
    assert (ours.status, ours.document["code"]) == (400, "malformed_request")


def test_errors_carry_a_code_and_a_request_id(direct, guard):
    """Triton's body has one key; Seawall adds what a caller can act on and find again."""
    path = "/v2/models/nobody/infer"
    theirs = post_json(direct, path, row([1.0]))
    ours = exchange(guard, "POST", path, json.dumps(row([1.0])).encode(), {"x-request-id": "mine"})
    assert (theirs.status, ours.status) == (404, 404)
    assert ours.document["error"] == theirs.document["error"]
    assert (ours.document["code"], ours.document["request_id"]) == ("model_not_found", "mine")
    assert ours.headers["x-request-id"] == "mine"


def test_errors_of_a_model_hide_its_files(direct, guard):
    """Triton's text shows paths and frames; Seawall's says what was raised."""
    theirs, ours = (
        post_json(one, "/v2/models/faulty/infer", row([1.0])) for one in (direct, guard)
    )
    assert (theirs.status, ours.status) == (500, 500)
    assert "model.py" in theirs.document["error"]
    assert "ValueError: boom" in ours.document["error"]
    assert "model.py" not in ours.document["error"]
    assert ours.document["code"] == "model_failed"


def test_errors_of_a_model_over_generate_keep_their_status(direct, guard):
    """Triton's generate says 400 whoever is at fault; Seawall says 500 where the model is."""
    theirs, ours = (
        post_json(one, "/v2/models/faulty/generate", {"INPUT0": 1}) for one in (direct, guard)
    )
    assert (theirs.status, ours.status) == (400, 500)
    assert ours.document["code"] == "model_failed"


@pytest.mark.parametrize("fault", [11.0, 16.0, 19.0])
def test_an_answer_that_breaks_the_models_own_config_is_502(direct, guard, fault):
    """Triton passes on a wrong datatype, a missing output or a wrong shape with 200."""
    theirs, ours = (
        post_json(one, "/v2/models/faulty/infer", row([fault])) for one in (direct, guard)
    )
    assert (theirs.status, ours.status) == (200, 502)
    assert ours.document["code"] == "bad_upstream_answer"


def test_an_answer_with_fewer_outputs_than_were_asked_for_is_502(direct, guard):
    """Whoever names no outputs asks for all; this model gives only some."""
    document = row([1.0], None, "IN_FP32")
    path = "/v2/models/every_type/infer"
    theirs, ours = post_json(direct, path, document), post_json(guard, path, document)
    assert (theirs.status, ours.status) == (200, 502)
    assert {one["rule"] for one in ours.document["violations"]} == {"missing_output"}


@pytest.mark.parametrize(
    ("path", "theirs", "ours"),
    [
        ("/v2/models/nobody/stats", 400, 404),
        ("/v2/models/text/versions/9/stats", 400, 404),
        ("/v2/models/text/versions/x/ready", 404, 400),
    ],
)
def test_what_is_not_there_is_404_in_statistics_too(direct, guard, path, theirs, ours):
    """Triton mixes 400 and 404; Seawall has 400 for readiness and 404 for documents."""
    assert exchange(direct, "GET", path).status == theirs
    assert exchange(guard, "GET", path).status == ours


def test_an_unknown_content_encoding_is_415(direct, guard):
    """Triton says 501."""
    body = json.dumps(row([1.0])).encode()
    statuses = [
        exchange(one, "POST", INFER, body, {"Content-Encoding": "br"}).status
        for one in (direct, guard)
    ]
    assert statuses == [501, 415]


# -- what is open and what is closed


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/repository/models/identity/load"),
        ("POST", "/v2/repository/models/identity/unload"),
        ("GET", "/v2/systemsharedmemory/status"),
        ("GET", "/v2/systemsharedmemory/region/a/status"),
        ("POST", "/v2/systemsharedmemory/region/a/register"),
        ("POST", "/v2/systemsharedmemory/unregister"),
        ("GET", "/v2/cudasharedmemory/status"),
        ("POST", "/v2/cudasharedmemory/region/a/register"),
        ("GET", "/v2/logging"),
        ("POST", "/v2/logging"),
        ("GET", "/v2/trace/setting"),
        ("POST", "/v2/trace/setting"),
        ("GET", "/v2/models/identity/trace/setting"),
        ("POST", "/v2/models/identity/trace/setting"),
    ],
)
def test_administration_is_closed(direct, guard, method, path):
    """Triton is started with it locked; Seawall has no key to give it, whatever header comes."""
    headers = {"admin-key": "x", "triton-grpc-protocol-admin-key": "x"}
    assert exchange(direct, method, path).status == 403
    ours = exchange(guard, method, path, b"{}", headers)
    assert (ours.status, ours.document["code"]) == (403, "forbidden")


def test_the_repository_index_is_open_for_reading(direct, guard):
    """Triton locks it with the rest of the repository; Seawall answers it from what it knows."""
    assert exchange(direct, "POST", "/v2/repository/index", b"{}").status == 403
    ours = exchange(guard, "POST", "/v2/repository/index", b"{}")
    assert ours.document == [
        {"name": name, "version": "1", "state": "READY"}
        for name in ("every_type", "faulty", "identity", "text")
    ]


def test_the_client_reads_the_index(guard):
    """The unmodified client understands it."""
    with triton.InferenceServerClient(guard) as client:
        index = client.get_model_repository_index()
    assert {one["name"]: one["state"] for one in index}["identity"] == "READY"


def test_shared_memory_is_closed(direct, guard):
    """Triton looks the region up; Seawall lets nobody name one."""
    tensor = {"shared_memory_region": "region", "shared_memory_byte_size": 8}
    inputs = [{"name": "INPUT0", "datatype": "FP32", "shape": [1, 2], "parameters": tensor}]
    asked = {**row([1.0]), "outputs": [{"name": "OUTPUT0", "parameters": tensor}]}
    for document in ({"inputs": inputs}, asked):
        assert post_json(direct, INFER, document).status == 404
        ours = post_json(guard, INFER, document)
        assert (ours.status, ours.document["code"]) == (403, "forbidden")


def test_head_is_served_for_documents(direct, guard):
    """Triton knows no HEAD; load balancers do."""
    assert exchange(direct, "HEAD", "/v2/health/live").status == 405
    assert exchange(guard, "HEAD", "/v2/health/live").status == 200


# -- values


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
    assert (ours.status, ours.document["code"]) == (502, "bad_upstream_answer")
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


# -- headers


@pytest.mark.parametrize("endpoint", ["infer", "versions/1/infer"])
def test_answers_name_version_and_track(direct, guard, endpoint):
    """Triton's answers have no such headers; Seawall's say what gave the answer."""
    path = f"/v2/models/identity/{endpoint}"
    theirs, ours = post_json(direct, path, row([1.0])), post_json(guard, path, row([1.0]))
    assert not {"x-request-id", "seawall-model-version", "seawall-track"} & theirs.headers.keys()
    assert ours.headers["seawall-model-version"] == "1"
    assert ours.headers["seawall-track"] == "stable"


@pytest.mark.parametrize("given", ["7", "a/b+c=", "x" * 128, "{}"])
def test_the_clients_request_id_is_kept(guard, given):
    """An id that the client gives is on the answer, as it was."""
    body = json.dumps(row([1.0])).encode()
    answer = exchange(guard, "POST", INFER, body, {"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 129, "\xff", "a\tb"])
def test_a_request_without_a_good_id_gets_one(guard, given):
    """What cannot stand in a log line is replaced, by another id each time."""
    body = json.dumps(row([1.0])).encode()
    headers = {} if given is None else {"X-Request-Id": given}
    ids = {exchange(guard, "POST", INFER, body, headers).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert given not in ids
