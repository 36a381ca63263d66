"""The ``/generate`` endpoints: the same mapping of keys to inputs and parameters as Triton's."""

import json

import pytest

from tests.support.answers import Answer, same
from tests.support.exchange import post_json

pytestmark = pytest.mark.triton

ANSWERED = {
    "a scalar": {"TEXT": "hi"},
    "a list of one": {"TEXT": ["hi"]},
    "a list is a batch where the dimension is fixed": {"TEXT": ["a", "b"]},
    "a nested list": {"TEXT": [["a"], ["b"]]},
    "an empty text": {"TEXT": ""},
    "unicode": {"TEXT": 'Grüße 漢字 🌊 \u0000 " \\ \n'},
    "optional input, a scalar": {"TEXT": "hi", "K": 7},
    "optional input, a list": {"TEXT": "hi", "K": [1, 2, 3]},
    "optional input, empty": {"TEXT": "hi", "K": []},
    "optional input first": {"K": 7, "TEXT": "hi"},
    "flat parameters": {"TEXT": "hi", "a": 1, "b": "x", "c": True, "d": 0.5, "e": False},
    "nested parameters": {"TEXT": "hi", "parameters": {"a": 1, "b": "x", "c": True, "d": 0.5}},
    "flat and nested": {"TEXT": "hi", "a": 1, "parameters": {"b": 2}},
    "nested after flat wins": {"TEXT": "hi", "a": 1, "parameters": {"a": 2}},
    "flat after nested wins": {"TEXT": "hi", "parameters": {"a": 2}, "a": 1},
    "no parameters": {"TEXT": "hi", "parameters": {}},
    "an input among the parameters": {"TEXT": "hi", "parameters": {"K": 5}},
    "all inputs among the parameters": {"parameters": {"TEXT": "hi", "K": [1, 2]}},
    "parameters within parameters' name": {"TEXT": "hi", "parameters": {"parameters": 1}},
    "negative and large numbers": {
        "TEXT": "hi",
        "a": -(2**63),
        "b": 2**63,
        "c": 2**64,
        "d": -1e300,
    },
    "id": {"TEXT": "hi", "id": "7"},
    "an id with quotes": {"TEXT": "hi", "id": 'a "b" \\ ü'},
    "an empty id": {"TEXT": "hi", "id": ""},
    "id among the parameters": {"TEXT": "hi", "parameters": {"id": "x"}},
    "names of the answer's keys": {"TEXT": "hi", "model_name": "x", "SEEN": "y", "outputs": 1},
    "stream": {"TEXT": "hi", "stream": False, "temperature": 0.2, "max_tokens": 20},
}

REFUSED = {
    "no JSON": "hello",
    "half an object": '{"TEXT": ',
    "a list": [],
    "a text": '"TEXT"',
    "null": "null",
    "nothing given": {},
    "the wrong case": {"text": "hi"},
    "required input missing": {"K": 1},
    "a number for a text": {"TEXT": 5},
    "null for a text": {"TEXT": None},
    "true for a text": {"TEXT": True},
    "an object for a text": {"TEXT": {"a": 1}},
    "a text for a number": {"TEXT": "hi", "K": "x"},
    "a fraction for an integer": {"TEXT": "hi", "K": 1.5},
    "an empty batch": {"TEXT": []},
    "a batch too large": {"TEXT": ["x"] * 9},
    "an input twice": {"TEXT": "hi", "parameters": {"TEXT": "ho"}},
    "id a number": {"TEXT": "hi", "id": 5},
    "parameters a number": {"TEXT": "hi", "parameters": 5},
    "parameters a list": {"TEXT": "hi", "parameters": [1]},
    "parameters null": {"TEXT": "hi", "parameters": None},
    "a parameter null": {"TEXT": "hi", "a": None},
    "a parameter list": {"TEXT": "hi", "a": [1]},
    "a parameter object": {"TEXT": "hi", "a": {"b": 1}},
    "a nested parameter list": {"TEXT": "hi", "parameters": {"a": [1]}},
    "a nested parameter object": {"TEXT": "hi", "parameters": {"a": {"b": 1}}},
}


def events(answer: Answer) -> list[dict[str, object]]:
    """The documents of a stream of events."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    parts = answer.body.decode().split("\n\n")
    assert parts.pop() == ""
    assert all(part.startswith("data: ") for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


@pytest.mark.parametrize("document", ANSWERED.values(), ids=ANSWERED)
def test_generate_maps_as_triton_does(direct, guard, document):
    """The model sees the same inputs, parameters and id, and the answer has the same keys."""
    theirs = post_json(direct, "/v2/models/text/generate", document)
    ours = post_json(guard, "/v2/models/text/generate", document)
    assert (theirs.status, ours.status) == (200, 200)
    assert same(theirs.document, ours.document)
    assert theirs.headers["content-type"] == ours.headers["content-type"]


@pytest.mark.parametrize("document", ANSWERED.values(), ids=ANSWERED)
def test_the_stream_says_the_same(direct, guard, document):
    """A model that answers once gives a stream of one event."""
    theirs = events(post_json(direct, "/v2/models/text/generate_stream", document))
    ours = events(post_json(guard, "/v2/models/text/generate_stream", document))
    assert len(theirs) == len(ours) == 1
    assert same(theirs, ours)


@pytest.mark.parametrize("endpoint", ["generate", "generate_stream"])
@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_mapped_is_refused(direct, guard, document, endpoint):
    """Triton says 400 or 500; Seawall says 400 or 422, and why, as plain JSON."""
    theirs = post_json(direct, f"/v2/models/text/{endpoint}", document)
    ours = post_json(guard, f"/v2/models/text/{endpoint}", document)
    assert theirs.status in {400, 500}
    assert ours.status in {400, 422}
    assert ours.document["code"] in {"malformed_request", "contract_violation"}
    assert ours.document["error"]


@pytest.mark.parametrize(
    "data",
    ["1", "[1, 2, 3]", "[[1.5], [2.5]]", "[]", "NaN", "-Infinity", "[NaN, 1.0]", "1e-45", "0.1"],
)
def test_numbers(direct, guard, data):
    """One number is answered as itself and several as a flat list, finite or not."""
    body = f'{{"INPUT0": {data}}}'
    theirs = post_json(direct, "/v2/models/identity/generate", body)
    ours = post_json(guard, "/v2/models/identity/generate", body)
    assert (theirs.status, ours.status) == (200, 200)
    assert same(theirs.document, ours.document)


@pytest.mark.parametrize("endpoint", ["generate", "generate_stream"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/models/text/versions/1", 200),
        ("/v2/models/text/versions/2", 404),
        ("/v2/models/text/versions/x", 404),
        ("/v2/models/nobody", 404),
    ],
)
def test_versions(address, path, status, endpoint):
    """A version may be named; what is not there is 404."""
    assert post_json(address, f"{path}/{endpoint}", {"TEXT": "hi"}).status == status
