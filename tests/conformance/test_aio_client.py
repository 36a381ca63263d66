"""The asynchronous Triton client."""

import asyncio
import json

import numpy as np
import pytest
import tritonclient.http.aio as triton
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.triton


def row(*values: float, binary=True):
    """One row of FP32 values for the identity model."""
    made = triton.InferInput("INPUT0", (1, len(values)), "FP32")
    made.set_data_from_numpy(np.array([values], np.float32), binary_data=binary)
    return made


async def test_health_and_documents(address):
    """Readiness, metadata, config and statistics come as from the blocking client."""
    async with triton.InferenceServerClient(address) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("identity")
        assert not await client.is_model_ready("nobody")
        assert not await client.is_model_ready("identity", "9")
        assert (await client.get_server_metadata())["version"] == "2.51.0"
        assert (await client.get_model_metadata("identity"))["platform"] == "python"
        assert (await client.get_model_config("identity"))["max_batch_size"] == 64
        assert (await client.get_inference_statistics("identity"))["model_stats"]


@pytest.mark.parametrize("send_binary", [True, False])
@pytest.mark.parametrize("ask_binary", [True, False])
async def test_inference_in_every_form(address, send_binary, ask_binary):
    """Binary and JSON, both ways."""
    outputs = [triton.InferRequestedOutput("OUTPUT0", binary_data=ask_binary)]
    async with triton.InferenceServerClient(address) as client:
        result = await client.infer(
            "identity",
            [row(1.5, 2.5, binary=send_binary)],
            outputs=outputs,
            request_id="7",
            parameters={"a": 1},
        )
    assert result.as_numpy("OUTPUT0").tolist() == [[1.5, 2.5]]
    assert result.get_response()["id"] == "7"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compression(address, encoding):
    """Compressed both ways."""
    sent = np.arange(50_000, dtype=np.float32)
    async with triton.InferenceServerClient(address) as client:
        result = await client.infer(
            "identity",
            [row(*sent)],
            request_compression_algorithm=encoding,
            response_compression_algorithm=encoding,
        )
    assert np.array_equal(result.as_numpy("OUTPUT0")[0], sent)


async def test_many_requests_at_once(address):
    """Two hundred calls on one client each get their own answer."""
    async with triton.InferenceServerClient(address) as client:
        results = await asyncio.gather(
            *(client.infer("identity", [row(float(number))]) for number in range(200))
        )
    assert [one.as_numpy("OUTPUT0")[0, 0] for one in results] == list(range(200))


async def test_optional_input_and_parameters(address):
    """The model sees what the client has given."""
    text = triton.InferInput("TEXT", (1, 1), "BYTES")
    text.set_data_from_numpy(np.array([["Grüße".encode()]], np.object_))
    async with triton.InferenceServerClient(address) as client:
        result = await client.infer("text", [text], parameters={"a": True})
    seen = json.loads(result.as_numpy("SEEN")[0, 0])
    assert seen["k"] is None
    assert seen["parameters"] == {"a": True}


async def test_errors(address):
    """Refusals raise the client's own exception, and the client goes on working."""
    async with triton.InferenceServerClient(address) as client:
        for model in ("nobody", "text"):
            with pytest.raises(InferenceServerException):
                await client.infer(model, [row(1.0)])
        result = await client.infer("identity", [row(1.0)])
    assert result.as_numpy("OUTPUT0").tolist() == [[1.0]]
