"""What the blocking Triton client asks of the server and its models, and may not ask."""

import pytest
from tritonclient.utils import InferenceServerException

from tests.conformance.model_inputs import row

pytestmark = pytest.mark.triton


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
