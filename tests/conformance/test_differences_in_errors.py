"""Errors that Seawall tells otherwise than Triton, on purpose. Each test says both sides."""

import json

import pytest

from tests.conformance.json_requests import INFER, row
from tests.support.exchange import exchange, post_json

pytestmark = pytest.mark.triton


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
