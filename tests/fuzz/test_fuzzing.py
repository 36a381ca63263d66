"""The corpus and its judge are worth something: no server is needed to see that."""

import json
from typing import Any

import pytest

from tests.fuzz.client import Answer
from tests.fuzz.corpus import SIZES, Case, corpus, good
from tests.fuzz.draft import Draft, binary_tensor, tensor
from tests.fuzz.judging import complaints, good_faults
from tests.fuzz.packing import packed, unpacked
from tests.fuzz.reading import echo_of

_ECHO = Draft("identity", {"inputs": [tensor("INPUT0", "FP32", [1, 2], [1.5, 2])]})
_VIOLATION = {"path": "inputs.X", "rule": "max", "limit": 1, "got": 2}


def case_of(draft: Draft, *, refused: bool = False) -> Case:
    """A case that sends this draft."""
    return Case(0, "fields", "change", draft.model, draft.request(), refused)


def refusal(status: int, **changes: Any) -> Answer:
    """A refusal in our form, but for the changes."""
    document = {"error": "no", "code": "contract_violation", "request_id": "1", **changes}
    return Answer(status, {"x-request-id": "1"}, json.dumps(document).encode())


def echo(values: list[float]) -> Answer:
    """An answer of the identity model."""
    output = {"name": "OUTPUT0", "datatype": "FP32", "shape": [1, len(values)], "data": values}
    return Answer(200, {}, json.dumps({"outputs": [output]}).encode())


def test_the_corpus_is_large_and_the_same_each_time():
    """At least ten thousand requests, which a failure's number leads back to."""
    cases = list(corpus(share=0.05))
    assert sum(SIZES.values()) >= 10_000
    assert cases == list(corpus(share=0.05))
    assert cases != list(corpus(seed=2, share=0.05))
    assert good(7) == good(7)
    assert {one.family for one in cases} == SIZES.keys()


def test_what_is_right_is_not_complained_of():
    """Refusals in our form and right answers pass."""
    refused = refusal(422, violations=[_VIOLATION])
    assert complaints(case_of(_ECHO), refused) == []
    assert complaints(case_of(_ECHO), echo([1.5, 2.0])) == []


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (echo([1.5, 3.0]), "OUTPUT0"),
        (echo([1.5]), "OUTPUT0"),
        (Answer(200, {}, b"{"), "cannot be read"),
        (Answer(400, {}, b"<html>"), "no JSON"),
        (Answer(400, {}, b'{"error": "x"}'), "another form"),
        (refusal(422), "without a violation"),
        (refusal(422, violations=[{**_VIOLATION, "got": None}]), "not whole"),
        (refusal(422, violations=[{"path": "x"}]), "not whole"),
        (refusal(400, code="malformed"), "unknown"),
        (refusal(404), "with status 404"),
        (refusal(400, request_id="2"), "request id"),
        (refusal(400, error="in /usr/lib/x.py"), "gives away"),
        (refusal(400, error="secret-folder"), "gives away"),
        (refusal(500, code="internal_error"), "status 500"),
        (refusal(502, code="bad_upstream_answer"), "status 502"),
        (refusal(503, code="overloaded"), "status 503"),
    ],
)
def test_what_is_wrong_is_complained_of(answer, complaint):
    """Each way in which an answer can be wrong is seen."""
    found = complaints(case_of(_ECHO), answer, ["secret-folder"])
    assert any(complaint in one for one in found), found


def test_an_answer_to_what_must_be_refused_is_complained_of():
    """So is a 200 to a request that cannot be right."""
    assert complaints(case_of(_ECHO, refused=True), echo([1.5, 2.0]))


def test_good_requests_are_held_to_their_values():
    """A good request must get 200 with its own values."""
    expected = good(0)
    assert good_faults(expected, refusal(400))
    assert good_faults(expected, Answer(200, {}, b'{"outputs": []}'))


def test_the_reader_reads_what_an_echo_must_give_back():
    """JSON and binary, compressed or not; what readers may differ on is left alone."""
    assert echo_of("identity", _ECHO.request()) == {"OUTPUT0": [1.5, 2.0]}
    raw = packed("FP32", [0.5])
    document = {"inputs": [binary_tensor("INPUT0", "FP32", [1, 1], raw)]}
    binary = Draft("identity", document, tail=[raw])
    assert echo_of("identity", binary.request()) == {"OUTPUT0": [0.5]}
    assert echo_of("text", _ECHO.request()) is None
    twice = Draft("identity", {}, body=b'{"inputs": [], "inputs": []}')
    assert echo_of("identity", twice.request()) is None


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("FP32", [0.5, -1.0]),
        ("BF16", [0.5, -2.0]),
        ("INT64", [-(2**63), 2**63 - 1]),
        ("BOOL", [True, False]),
        ("BYTES", [b"", b"a\xff"]),
    ],
)
def test_raw_bytes_are_read_as_they_were_written(datatype, values):
    """Packing and unpacking are each other's opposite."""
    assert unpacked(datatype, packed(datatype, values)) == values
