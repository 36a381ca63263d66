"""Requests of the blocking Triton client that no server may answer."""

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.conformance.model_inputs import one_input, row, texts

pytestmark = pytest.mark.triton


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
