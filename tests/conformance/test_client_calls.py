"""Every call of the blocking Triton client that Seawall serves."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.triton


def one_input(name, values, datatype="FP32"):
    """An input in binary form."""
    made = triton.InferInput(name, values.shape, datatype)
    made.set_data_from_numpy(values)
    return made


def row(*values: float):
    """One row of FP32 values for the identity model."""
    return one_input("INPUT0", np.array([values], np.float32))


def texts(*values: str):
    """Rows of one text each for the text model."""
    return one_input("TEXT", np.array([[one.encode()] for one in values], np.object_), "BYTES")


def seen_by(result):
    """What the text model was given."""
    return json.loads(result.as_numpy("SEEN")[0, 0])


# -- the server and its models


def test_live_and_ready(client):
    """The client finds the server live and ready."""
    assert client.is_server_live()
    assert client.is_server_ready()


@pytest.mark.parametrize(
    ("model", "version", "ready"),
    [
        ("identity", "", True),
        ("identity", "1", True),
        ("identity", "2", False),
        ("identity", "x", False),
        ("identity", "-1", False),
        ("identity", "99999999999999999999", False),
        ("nobody", "", False),
        ("nobody", "1", False),
        ("Identity", "", False),
        ("identity ", "", False),
        ("a/b", "", False),
        ("%", "", False),
        ("..", "", False),
        ("ä", "", False),
    ],
)
def test_model_readiness(client, model, version, ready):
    """What is loaded is ready, and whatever else a client may name is not."""
    assert client.is_model_ready(model, version) is ready


def test_server_metadata(client):
    """The server tells its name, version and extensions, as Triton does."""
    metadata = client.get_server_metadata()
    assert (metadata["name"], metadata["version"]) == ("triton", "2.51.0")
    assert "binary_tensor_data" in metadata["extensions"]


@pytest.mark.parametrize("version", ["", "1"])
def test_model_metadata(client, version):
    """A model's inputs and outputs are told with the batch dimension."""
    assert client.get_model_metadata("text", version) == {
        "name": "text",
        "versions": ["1"],
        "platform": "python",
        "inputs": [
            {"name": "TEXT", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "K", "datatype": "INT32", "shape": [-1, -1]},
        ],
        "outputs": [
            {"name": "SEEN", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "THIRDS", "datatype": "FP32", "shape": [-1, -1]},
        ],
    }


@pytest.mark.parametrize("version", ["", "1"])
def test_model_config(client, version):
    """The whole config comes, down to what the client needs of it."""
    config = client.get_model_config("text", version)
    assert (config["name"], config["backend"], config["max_batch_size"]) == ("text", "python", 8)
    assert [one["optional"] for one in config["input"]] == [False, True]


@pytest.mark.parametrize("version", ["", "1"])
def test_statistics_of_one_model(client, version):
    """The statistics count what has just been inferred."""
    before = client.get_inference_statistics("identity", version)["model_stats"][0]
    client.infer("identity", [row(1.0)])
    after = client.get_inference_statistics("identity", version)["model_stats"][0]
    assert (after["name"], after["version"]) == ("identity", "1")
    assert after["inference_count"] == before["inference_count"] + 1


def test_statistics_of_all_models(client):
    """Without a name, all models' come."""
    names = {one["name"] for one in client.get_inference_statistics()["model_stats"]}
    assert names == {"every_type", "faulty", "identity", "text"}


@pytest.mark.parametrize("call", ["get_model_metadata", "get_model_config"])
@pytest.mark.parametrize(("model", "version"), [("nobody", ""), ("identity", "2")])
def test_documents_of_what_is_not_there(client, call, model, version):
    """The client gets an error that names the model, with status 404."""
    with pytest.raises(InferenceServerException, match=model) as caught:
        getattr(client, call)(model, version)
    assert caught.value.status() == "404"


# -- inference


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


# -- what fails


def wrong_requests():
    """Requests that no server may answer with 200."""
    zeros = np.zeros((1, 2), np.float32)
    yield "unknown model", "nobody", [row(1.0)], {}
    yield "unknown version", "identity", [row(1.0)], {"model_version": "2"}
    yield "no version", "identity", [row(1.0)], {"model_version": "x"}
    yield "unknown input", "identity", [one_input("INPUT9", zeros)], {}
    yield "an input too many", "identity", [row(1.0), one_input("INPUT9", zeros)], {}
    yield "input twice", "identity", [row(1.0), row(1.0)], {}
    yield "wrong datatype", "identity", [one_input("INPUT0", zeros.astype(int), "INT64")], {}
    yield "rank too low", "identity", [one_input("INPUT0", zeros[0])], {}
    yield "rank too high", "identity", [one_input("INPUT0", zeros[None])], {}
    yield "fixed dimension", "text", [one_input("TEXT", np.full((1, 2), b"x", object), "BYTES")], {}
    yield "batch too large", "identity", [one_input("INPUT0", np.zeros((65, 1), np.float32))], {}
    yield "batch of none", "identity", [one_input("INPUT0", np.zeros((0, 1), np.float32))], {}
    yield "missing input", "text", [one_input("K", np.array([[1]], np.int32), "INT32")], {}
    three = one_input("K", np.ones((3, 1), np.int32), "INT32")
    yield "batches differ", "text", [texts("a", "b"), three], {}
    yield "unknown output", "identity", [row(1.0)], {"outputs": [triton.InferRequestedOutput("X")]}
    yield "model raises", "faulty", [row(1.0)], {}
    yield "model refuses", "faulty", [row(7.0)], {}


@pytest.mark.parametrize(
    ("model", "inputs", "options"),
    [pytest.param(*case[1:], id=case[0]) for case in wrong_requests()],
)
def test_wrong_requests_raise(client, model, inputs, options):
    """The client raises its own exception with a sentence and a status, and goes on working."""
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs, **options)
    assert caught.value.message()
    assert client.infer("identity", [row(1.0)]).as_numpy("OUTPUT0").tolist() == [[1.0]]


def test_errors_of_asynchronous_calls_raise_with_their_result(client):
    """A failed call fails where its result is asked for."""
    call = client.async_infer("nobody", [row(1.0)])
    with pytest.raises(InferenceServerException, match="nobody"):
        call.get_result(timeout=60)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("load_model", ("identity",)),
        ("unload_model", ("identity",)),
        ("get_system_shared_memory_status", ()),
        ("register_system_shared_memory", ("region", "/key", 64)),
        ("unregister_system_shared_memory", ("region",)),
        ("get_cuda_shared_memory_status", ()),
        ("unregister_cuda_shared_memory", ()),
        ("get_log_settings", ()),
        ("update_log_settings", ({"log_verbose_level": 1},)),
        ("get_trace_settings", ()),
        ("update_trace_settings", (None, {"trace_level": ["OFF"]})),
        ("get_trace_settings", ("identity",)),
        ("update_trace_settings", ("identity", {"trace_level": ["OFF"]})),
    ],
)
def test_calls_that_change_the_server_are_closed(client, call, arguments):
    """Neither a guarded Triton nor the guard lets clients administer the server."""
    with pytest.raises(InferenceServerException) as caught:
        getattr(client, call)(*arguments)
    assert caught.value.status() == "403"
