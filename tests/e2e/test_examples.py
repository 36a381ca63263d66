"""The example models behind Seawall, as a newcomer uses them."""

import json
import threading

import numpy as np
import pytest
import tritonclient.http
from tritonclient.utils import np_to_triton_dtype

from tests.model_repository.golden_requests import Golden, fits, goldens
from tests.support.clients import post
from tests.support.stack import EXAMPLES, Stack, wait_until

pytestmark = [pytest.mark.triton, pytest.mark.weights]


@pytest.fixture(scope="module")
def stack():
    with Stack(EXAMPLES) as stack:
        yield stack


def test_the_printed_curl_line_gives_the_right_label(stack):
    """What `make run` tells a newcomer to type works as it stands."""
    wait_until(lambda: "Ctrl-C ends it" in stack.log.read_text(), "the welcome is printed")
    printed = stack.log.read_text()
    assert f"curl -s http://{stack.http}/v2/models/sentiment/generate" in printed
    body = printed.split(" -d '")[1].split("'")[0]
    status, answer = post(stack.http, "/v2/models/sentiment/generate", body.encode())
    assert status == 200
    assert answer["LABEL"] == "positive"
    assert answer["model_version"] == "2"


@pytest.mark.parametrize("golden", list(goldens()), ids=lambda g: f"{g.model}/{g.version} {g.name}")
def test_golden_requests_get_their_answers_through_seawall(stack, golden: Golden):
    """Each version's golden requests, sent by an unmodified client, are answered as declared."""
    client = tritonclient.http.InferenceServerClient(stack.http)
    inputs = []
    for name, array in golden.tensors().items():
        datatype = np_to_triton_dtype(array.dtype)
        one = tritonclient.http.InferInput(name, list(array.shape), datatype)
        one.set_data_from_numpy(array)
        inputs.append(one)
    asked = {"model_version": golden.version, "parameters": golden.parameters}
    if golden.expect_error:
        with pytest.raises(tritonclient.http.InferenceServerException):
            client.infer(golden.model, inputs, **asked)
        return
    answer = client.infer(golden.model, inputs, **asked)
    for name, rule in golden.expect.items():
        assert fits(answer.as_numpy(name), rule)


def test_one_request_that_raises_costs_its_batch_mates_nothing(stack):
    """Of 16 concurrent requests of which one makes compute raise, 15 get their answer."""
    times = [b"2026-11-23T10:00Z"] * 15 + [b"2026-19-39T29:59Z"]  # a time for the pattern only
    results: list[object] = [None] * 16
    gate = threading.Barrier(16)

    def send(number: int) -> None:
        client = tritonclient.http.InferenceServerClient(stack.http)
        inputs = []
        values = {"TICKET": b'{"subject": "Invoice", "body": "?"}', "RECEIVED": times[number]}
        for name, value in values.items():
            one = tritonclient.http.InferInput(name, [1, 1], "BYTES")
            one.set_data_from_numpy(np.array([[value]], dtype=np.object_))
            inputs.append(one)
        gate.wait()
        try:
            answer = client.infer("ticket", inputs, parameters={"locale": "en"})
            results[number] = answer.as_numpy("QUEUE")[0][0]
        except tritonclient.http.InferenceServerException as error:
            results[number] = error
        client.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results[:15] == [b"billing"] * 15
    assert isinstance(results[15], tritonclient.http.InferenceServerException)
    assert "RECEIVED is no minute of UTC" in str(results[15])


def test_versions_are_pinned_by_the_path(stack):
    """A version in the path is the one that answers, and the answer says which it was."""
    body = json.dumps({"TEXT": "worst concert ever :( so tired and sad"}).encode()
    for version in (1, 2):
        path = f"/v2/models/sentiment/versions/{version}/generate"
        status, answer = post(stack.http, path, body)
        assert (status, answer["model_version"]) == (200, str(version))


def test_the_models_own_series_are_behind_seawalls(stack):
    """Tokens and memory that the models count stand on the same metrics page."""
    post(stack.http, "/v2/models/sentiment/generate", b'{"TEXT": "What a lovely day"}')
    assert stack.metric("seawall_model_tokens_total", model="sentiment", version="2") > 0
    assert stack.metric("seawall_model_memory_bytes", model="embed") > 0
    assert stack.metric("nv_inference_request_success", model="sentiment") > 0
    assert stack.metric("seawall_requests_total", model="sentiment", outcome="ok") > 0
