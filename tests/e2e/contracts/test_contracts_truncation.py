"""Texts that are cut at their token limit: the caller is told, in every form of answer."""

import numpy as np
import pytest
import tritonclient.http

from tests.e2e.contracts.calls import generate, infer, texts

pytestmark = [pytest.mark.triton, pytest.mark.weights]

LONG = "word " * 309
CUT = "inputs.TEXT[{}]: 311 tokens cut to 256"


@pytest.fixture(autouse=True)
def _enforced(examples):
    examples.restore("embed")
    short = infer("embed", texts("TEXT", ""))
    examples.until(short, lambda answer: answer.status == 422)


def test_json_answers_say_what_was_cut(examples):
    """Each text that was cut is named with its tokens; the others are not."""
    answer = examples.send(infer("embed", texts("TEXT", LONG, "short", LONG)))
    assert answer.status == 200
    said = f"{CUT.format(0)}; {CUT.format(2)}"
    assert answer.document["parameters"]["seawall_truncated"] == said


def test_binary_answers_say_what_was_cut(examples):
    """An unmodified client finds it among the answer's parameters."""
    client = tritonclient.http.InferenceServerClient(examples.stack.http)
    one = tritonclient.http.InferInput("TEXT", [1, 1], "BYTES")
    one.set_data_from_numpy(np.array([[LONG.encode()]], dtype=np.object_))
    wanted = tritonclient.http.InferRequestedOutput("EMBEDDING", binary_data=True)
    result = client.infer("embed", [one], outputs=[wanted])
    assert result.get_response()["parameters"]["seawall_truncated"] == CUT.format(0)
    assert result.as_numpy("EMBEDDING").shape == (1, 384)


def test_flat_answers_say_what_was_cut(examples):
    """/generate says it beside the outputs."""
    answer = examples.send(generate("embed", TEXT=LONG))
    assert answer.status == 200
    assert answer.document["seawall_truncated"] == CUT.format(0)


def test_what_fits_is_not_spoken_of(examples):
    """A text of exactly the limit is passed on whole, and the answer has no such parameter."""
    answer = examples.send(infer("embed", texts("TEXT", "word " * 254)))
    assert answer.status == 200
    assert "parameters" not in answer.document


def test_the_answer_is_that_of_the_beginning(examples):
    """The model's answer to the cut text is its answer to the text's beginning."""
    whole = examples.send(infer("embed", texts("TEXT", LONG)))
    beginning = examples.send(infer("embed", texts("TEXT", "word " * 254)))
    vectors = [one.document["outputs"][0]["data"] for one in (whole, beginning)]
    assert np.abs(np.subtract(*vectors)).max() < 1e-5


def test_elements_are_counted_over_the_whole_tensor(examples):
    """Of several texts in a row the place is that in the tensor, row after row."""
    passages = texts("PASSAGES", ["a", "b", "c"], ["d", LONG, "e"])
    examples.restore("rerank")
    queries = texts("QUERY", "a", "b")
    answer = examples.until(
        infer("rerank", queries, passages), lambda answer: "parameters" in answer.document
    )
    said = "inputs.PASSAGES[4]: 311 tokens cut to 256"
    assert answer.document["parameters"]["seawall_truncated"] == said


def test_an_observed_contract_cuts_nothing(examples):
    """In observe mode the text goes on as it came, and nothing is said."""
    examples.write("embed", f"mode: observe\n{examples.original('embed')}")
    call = infer("embed", texts("TEXT", LONG))
    answer = examples.until(call, lambda answer: "parameters" not in answer.document)
    assert answer.status == 200
    examples.restore("embed")
