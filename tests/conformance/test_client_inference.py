"""Every way in which the blocking Triton client infers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.conformance.model_inputs import one_input, row, seen_by, texts

pytestmark = pytest.mark.triton


@pytest.mark.parametrize("version", ["", "1"])
def test_answers_name_model_and_version(client, version):
    """An answer says which version gave it, pinned or not."""
    answer = client.infer("identity", [row(1.0, 2.0)], model_version=version).get_response()
    assert (answer["model_name"], answer["model_version"]) == ("identity", "1")


@pytest.mark.parametrize("request_id", ["", "7", "a b", 'quoted "id" \\', "ünïcode", "x" * 500])
def test_the_request_id_comes_back(client, request_id):
    """The model sees the id, and the answer carries it."""
    result = client.infer("text", [texts("hi")], request_id=request_id)
    assert result.get_response().get("id", "") == request_id
    assert seen_by(result)["id"] == request_id


def test_custom_parameters_reach_the_model(client):
    """Strings, integers, floats and booleans pass with their types."""
    given = {"a": 1, "b": "text", "c": True, "d": 1.5, "e": -(2**63), "f": "", "ü": 2**62}
    result = client.infer("text", [texts("hi")], parameters=given)
    assert seen_by(result)["parameters"] == given


def test_integers_past_64_bits_arrive_as_floats(client):
    """That is how Triton's parser takes them."""
    result = client.infer("text", [texts("hi")], parameters={"a": 2**63, "b": 2**70})
    assert seen_by(result)["parameters"] == {"a": float(2**63), "b": pytest.approx(float(2**70))}


def test_scheduling_parameters_are_taken(client):
    """Priority, timeout and sequence are for the scheduler: the model does not see them."""
    result = client.infer(
        "text",
        [texts("hi")],
        sequence_id=5,
        sequence_start=True,
        sequence_end=True,
        priority=1,
        timeout=10_000_000,
    )
    assert seen_by(result)["parameters"] == {}


def test_a_sequence_may_have_a_name(client):
    """A sequence id may be a text."""
    result = client.infer("text", [texts("hi")], sequence_id="conversation", sequence_start=True)
    assert seen_by(result)["text"] == "hi"


@pytest.mark.parametrize("name", ["triton_enable_empty_final_response", "triton_x"])
def test_reserved_parameters_are_refused(client, name):
    """Names that Triton keeps for itself are nobody else's."""
    with pytest.raises(InferenceServerException):
        client.infer("text", [texts("hi")], parameters={name: True})


@pytest.mark.parametrize("given", [None, [1], [1, 2, 3]])
def test_optional_inputs(client, given):
    """An optional input may be there or not."""
    inputs = [texts("hi")]
    if given is not None:
        inputs.insert(0, one_input("K", np.array([given], np.int32), "INT32"))
    assert seen_by(client.infer("text", inputs))["k"] == (None if given is None else [given])


def test_only_the_outputs_asked_for_come(client):
    """In the order asked, and no others."""
    outputs = [triton.InferRequestedOutput("THIRDS")]
    answer = client.infer("text", [texts("hi", "ho")], outputs=outputs).get_response()
    assert [(one["name"], one["shape"]) for one in answer["outputs"]] == [("THIRDS", [2, 3])]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("datatype", [np.int8, np.uint16, np.int64, np.uint64, np.float32])
def test_classification(client, datatype, binary):
    """The top classes come as value and index, the largest first, per row."""
    values = np.array([[3, 9, 1, 7], [5, 4, 8, 0]], datatype)
    name = {"f": "FP32", "i": "INT", "u": "UINT"}[values.dtype.kind]
    kind = name if name == "FP32" else f"{name}{values.dtype.itemsize * 8}"
    outputs = [triton.InferRequestedOutput(f"OUT_{kind}", binary_data=binary, class_count=3)]
    given = one_input(f"IN_{kind}", values, kind)
    got = client.infer("every_type", [given], outputs=outputs).as_numpy(f"OUT_{kind}")
    labels = [[str(one, "utf-8") if isinstance(one, bytes) else one for one in row] for row in got]
    end = ".000000" if name == "FP32" else ""
    assert labels == [
        [f"9{end}:1", f"7{end}:3", f"3{end}:0"],
        [f"8{end}:2", f"5{end}:0", f"4{end}:1"],
    ]


def test_classification_beside_plain_values(client):
    """One output may be classified while another comes as it is."""
    outputs = [
        triton.InferRequestedOutput("THIRDS", class_count=9),
        triton.InferRequestedOutput("SEEN"),
    ]
    result = client.infer("text", [texts("hi")], outputs=outputs)
    assert result.as_numpy("THIRDS").tolist() == [[b"0.333333:0", b"0.333333:1", b"0.333333:2"]]
    assert seen_by(result)["text"] == "hi"


@pytest.mark.parametrize("request_encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("answer_encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("size", [1, 100_000])
def test_compression(client, request_encoding, answer_encoding, size):
    """Bodies may be compressed on the way in, on the way out, or both."""
    sent = np.arange(size, dtype=np.float32)[None]
    result = client.infer(
        "identity",
        [one_input("INPUT0", sent)],
        outputs=[triton.InferRequestedOutput("OUTPUT0")],
        request_compression_algorithm=request_encoding,
        response_compression_algorithm=answer_encoding,
    )
    assert np.array_equal(result.as_numpy("OUTPUT0"), sent)


def test_many_requests_at_once(client):
    """Asynchronous calls each get their own answer."""
    calls = [
        client.async_infer("identity", [row(float(number))], request_id=str(number))
        for number in range(200)
    ]
    for number, call in enumerate(calls):
        result = call.get_result(timeout=60)
        assert result.as_numpy("OUTPUT0").tolist() == [[float(number)]]
        assert result.get_response()["id"] == str(number)


def test_many_clients_at_once(address):
    """So do clients with connections of their own."""

    def work(number):
        with triton.InferenceServerClient(address) as mine:
            answers = [mine.infer("text", [texts(f"{number} {turn}")]) for turn in range(20)]
        return [seen_by(one)["text"] for one in answers]

    with ThreadPoolExecutor(8) as pool:
        for number, got in enumerate(pool.map(work, range(8))):
            assert got == [f"{number} {turn}" for turn in range(20)]


def test_bodies_made_and_parsed_apart(client):
    """What the client's static helpers build and read is understood as well."""
    body, length = triton.InferenceServerClient.generate_request_body([row(1.0, 2.0)])
    answer = client._post(
        request_uri="v2/models/identity/infer",
        request_body=body,
        headers={"Inference-Header-Content-Length": str(length)},
        query_params=None,
    )
    result = triton.InferenceServerClient.parse_response_body(
        answer.read(), header_length=int(answer["inference-header-content-length"])
    )
    assert result.as_numpy("OUTPUT0").tolist() == [[1.0, 2.0]]


def test_query_parameters_and_headers_of_the_client_change_nothing(client):
    """Clients may add their own headers and query."""
    result = client.infer(
        "identity",
        [row(1.0)],
        headers={"X-Tenant": "a", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"},
        query_params={"key": "a b&c"},
    )
    assert result.as_numpy("OUTPUT0").tolist() == [[1.0]]
