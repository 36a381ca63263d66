"""Random requests against a running Seawall, judged by contracts that the test reads for itself."""

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.fuzz import strategies
from tests.fuzz.client import Answer, Client, values_of
from tests.fuzz.contract_model import (
    CLIPPED_WORDS,
    are_elements,
    as_fp32,
    is_document,
    is_ranged,
    is_text,
)
from tests.fuzz.draft import Draft, binary_tensor, tensor
from tests.fuzz.fuzzed import Fuzzed
from tests.fuzz.judging import refusal_complaints
from tests.fuzz.packing import packed
from tests.fuzz.reading import differences
from tests.fuzz.seeds import Values
from tests.fuzz.tree import write

pytestmark = pytest.mark.triton

#: A server that hangs makes each attempt to simplify the example take as long.
_TIMEOUT_S = 5.0

often = settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    database=None,
    # The stack is the same for all examples on purpose: the next meets what one leaves behind.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def judged(fuzzed: Fuzzed, draft: Draft, expected: Values | None) -> None:
    """Send a request: 200 with these values, or 4xx where none are expected."""
    answer = _answer(fuzzed, draft)
    event("refused" if expected is None else "taken")
    if expected is None:
        assert 400 <= answer.status < 500, answer
        assert refusal_complaints(answer, fuzzed.secrets) == []
    else:
        assert answer.status == 200, answer
        got = values_of(answer)
        assert expected.keys() <= got.keys()
        assert differences(expected, got) == []


def _answer(fuzzed: Fuzzed, draft: Draft) -> Answer:
    with Client(fuzzed.address, _TIMEOUT_S) as client:
        return client.exchange(draft.request().encode())


@often
@given(
    shape=st.lists(strategies.sizes, min_size=1, max_size=3) | strategies.good_shapes,
    data=st.data(),
    parameters=strategies.parameters,
    binary=st.booleans(),
)
def test_numbers_are_taken_as_the_contract_says(fuzzed, shape, data, parameters, binary):
    """Shape, range, finiteness, batch, parameters, size: as the contract says, in either form."""
    count = math.prod(shape)
    numbers = data.draw(st.sampled_from([strategies.good_numbers, strategies.numbers]))
    values = data.draw(st.lists(numbers, min_size=count, max_size=count))
    if binary:
        values = [as_fp32(one) for one in values]
        raw = packed("FP32", values)
        one = binary_tensor("INPUT0", "FP32", shape, raw)
        draft = Draft("ranged", {"inputs": [one], "parameters": parameters}, tail=[b"", raw])
    else:
        one = tensor("INPUT0", "FP32", shape, values)
        draft = Draft("ranged", {"inputs": [one], "parameters": parameters})
    taken = is_ranged(shape, values, parameters, len(draft.written()))
    judged(fuzzed, draft, {"OUTPUT0": [as_fp32(v) for v in values]} if taken else None)


@often
@given(
    texts=st.lists(strategies.texts, min_size=1, max_size=5),
    count=st.none() | st.lists(st.integers(-1, 51), min_size=1, max_size=5),
    parameters=st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": st.one_of(st.integers(-1, 66), st.integers(20, 40), st.just(1.0)),
            "style": st.sampled_from(["plain", "rich", "none", ""]),
        },
    ),
    generate=st.booleans(),
)
def test_texts_are_taken_as_the_contract_says(fuzzed, texts, count, parameters, generate):
    """Length, pattern, tokens, context, batch and parameters, over infer and over generate."""
    if generate:
        texts = texts[:1]
        draft = Draft("text", {"TEXT": texts[0], **parameters}, form="generate")
        if count is not None:
            draft.document["K"] = count
    else:
        one = tensor("TEXT", "BYTES", [len(texts), 1], texts)
        document: dict[str, Any] = {"inputs": [one], "parameters": parameters}
        document["outputs"] = [{"name": "SEEN"}]
        draft = Draft("text", document)
        if count is not None:
            width = len(count)
            flat = count * len(texts)
            document["inputs"].append(tensor("K", "INT32", [len(texts), width], flat))
    counts = None if count is None else [count] * len(texts)
    taken = is_text(texts, counts, parameters)
    seen = [_seen(one, counts, parameters) for one in texts]
    judged(fuzzed, draft, {"SEEN": seen} if taken else None)


def _seen(text: str, counts: Any, parameters: dict[str, Any]) -> bytes:
    seen = {"text": text, "k": counts, "parameters": parameters, "id": ""}
    return json.dumps(seen, sort_keys=True).encode()


@often
@given(words=st.lists(st.text("abc\u00e9", min_size=1, max_size=5), max_size=12))
def test_texts_are_cut_at_their_limit_and_not_before(fuzzed, words):
    """A text with too many tokens keeps the first ones, and its answer says that it was cut."""
    draft = Draft("clipped", {"TEXT": " ".join(words)}, form="generate")
    answer = _answer(fuzzed, draft)
    assert answer.status == 200, answer
    got = values_of(answer)
    kept = " ".join(words[:CLIPPED_WORDS])
    assert got["SEEN"] == [_seen(kept.encode().decode("latin-1"), None, {})]
    assert ("seawall_truncated" in got) == (len(words) > CLIPPED_WORDS)


@often
@given(value=strategies.documents)
def test_documents_are_taken_as_their_schema_says(fuzzed, value):
    """A JSON document in a text is taken if, and only if, its schema takes it."""
    text = write(value).decode()
    draft = Draft("document", {"TEXT": text}, form="generate")
    judged(fuzzed, draft, {"SEEN": [_seen(text, None, {})]} if is_document(value) else None)


@often
@given(one=strategies.elements(), binary=st.booleans(), binary_answer=st.booleans())
def test_every_datatype_comes_back_as_it_went(fuzzed, one, binary, binary_answer):
    """Elements of any type pass unchanged, in each form there and back, if the contract allows."""
    name, shape = f"IN_{one.datatype}", [one.rows, one.width]
    outputs = [{"name": f"OUT_{one.datatype}", "parameters": {"binary_data": binary_answer}}]
    if binary:
        raw = packed(one.datatype, one.values)
        given_input = binary_tensor(name, one.datatype, shape, raw)
        draft = Draft("every_type", {"inputs": [given_input]}, tail=[b"", raw])
    else:
        draft = Draft("every_type", {"inputs": [tensor(name, one.datatype, shape, one.values)]})
    draft.document["outputs"] = outputs
    values = [v.encode() if isinstance(v, str) else v for v in one.values]
    taken = are_elements(one.datatype, one.rows, values) and one.width <= _widest(one)
    judged(fuzzed, draft, {f"OUT_{one.datatype}": values} if taken else None)


def _widest(one: strategies.Elements) -> int:
    """The contract bounds the width of texts only."""
    return 8 if one.datatype == "BYTES" else one.width


@often
@given(
    document=strategies.json_values,
    model=st.sampled_from(["identity", "text", "every_type", "document", "grid"]),
    form=st.sampled_from(["infer", "generate", "generate_stream"]),
)
def test_any_json_gets_an_answer_in_our_form(fuzzed, document, model, form):
    """Whatever JSON is sent, the answer is 200 or a refusal with its reason."""
    answer = _answer(fuzzed, Draft(model, document, form=form))
    assert answer.status == 200 or refusal_complaints(answer, fuzzed.secrets) == []
    assert answer.status < 500


@often
@given(
    name=st.sampled_from(["INPUT0", "TEXT", ""]) | st.text(max_size=4),
    datatype=st.sampled_from([*strategies.DATATYPES, "FP16", "BF16", "X"]),
    shape=st.lists(st.integers(-1, 2**64) | st.integers(0, 3), max_size=4),
    content=strategies.contents,
    raw=st.binary(max_size=24),
)
def test_any_tensor_gets_an_answer_in_our_form(fuzzed, name, datatype, shape, content, raw):
    """Whatever tensor is described, the answer is 200 or a refusal with its reason."""
    one = {"name": name, "datatype": datatype, "shape": shape, **content}
    for model in ("identity", "text"):
        answer = _answer(fuzzed, Draft(model, {"inputs": [one]}, tail=[raw]))
        assert answer.status == 200 or refusal_complaints(answer, fuzzed.secrets) == []
        assert answer.status < 500
