"""A proposal fits the traffic that it was learned from, whatever came."""

from hypothesis import given, settings
from hypothesis import strategies as st

from control.core.contract import check_request
from control.core.findings import Findings
from control.core.tensors import InferRequest
from tests.learning.made_proposals import INPUTS, REQUESTS, compiled, learned, proposed, values_of
from tests.learning.made_requests import Spec, contract_of
from tests.learning.odd_requests import learnable


@settings(max_examples=40, deadline=None)
@given(REQUESTS, st.integers(1, 5))
def test_a_proposal_admits_the_traffic_that_it_was_learned_from(
    requests: list[InferRequest], repeats: int
) -> None:
    """Whatever came, no request that was measured breaks the contract proposed from it."""
    contract = contract_of(INPUTS)
    text, _ = proposed(learned(requests * repeats), contract)
    rules = compiled(text, contract)
    for one in requests:
        assert check_request(contract, one) == []
        assert rules.check_request(one, 900).violations == []


@settings(max_examples=100, deadline=None)
@given(learnable(), st.sampled_from([1, 5, 40]))
def test_a_proposal_admits_odd_traffic_too(
    made: tuple[dict[str, Spec], int, InferRequest, Findings], repeats: int
) -> None:
    """Every datatype, any bits in it, empty tensors and batches, as far as it was looked at."""
    specs, max_batch_size, one, _ = made
    contract = contract_of(specs, max_batch_size)
    text, found = proposed(learned([one] * repeats, specs, max_batch_size), contract)
    places = {breach.path for breach in compiled(text, contract).check_request(one, 900).violations}
    for note in found.notes:
        if "measured whole" in note:
            name = note.removeprefix("input ").partition(":")[0]
            places = {place for place in places if not place.startswith(f"inputs.{name}[")}
    assert places == set()


STRICT = """\
# The author's.
mode: observe
limits: {request_bytes: 700}
inputs:
  X: {dims: [{min: 1, max: 2}], min: -1, max: 1, finite: true, integer: true}
  N:
    values: [1, 2]
  T:
    min_chars: 2   # two
    max_chars: 3
    max_bytes: 4
    pattern: '[a-z]*'
    values: [ab, abc]
parameters:
  a: {type: integer, required: true, min: 1, max: 2}
  b c: {type: string, max_chars: 1, values: [x, y]}
"""


@settings(max_examples=40, deadline=None)
@given(REQUESTS)
def test_what_traffic_contradicts_is_changed(requests: list[InferRequest]) -> None:
    """An observed contract that requests broke is mended until it admits them."""
    contract = contract_of(INPUTS)
    summary = learned(requests, rules=compiled(STRICT, contract))
    text, found = proposed(summary, contract, STRICT)
    rules = compiled(text, contract)
    assert not rules.enforced
    unchecked = {note.rpartition(" ")[2].strip("'") for note in found.notes}
    for one in requests:
        broken = {breach.rule for breach in rules.check_request(one, 900).violations}
        assert broken <= unchecked & {"pattern", "values"}
    for change in found.changes:
        if change.contradiction:
            assert f"# {change.contradiction}" in text


@settings(max_examples=40, deadline=None)
@given(REQUESTS)
def test_what_the_author_said_stays(requests: list[InferRequest]) -> None:
    """A proposal only adds to a contract that all requests keep to, and keeps its comments."""
    present = (
        "# mine\nlimits: {request_bytes: 1000000}  # enough\n"
        "inputs: {T: {max_bytes: 99}}\nother_parameters: allow\n"
    )
    contract = contract_of(INPUTS)
    text, found = proposed(learned(requests), contract, present)
    assert all(not change.contradiction for change in found.changes)
    assert "# mine\n" in text
    assert "limits: {request_bytes: 1000000}  # enough\n" in text
    assert values_of(text)["inputs"]["T"]["max_bytes"] == 99
    assert values_of(text)["other_parameters"] == "allow"


@settings(max_examples=40, deadline=None)
@given(REQUESTS)
def test_learning_again_proposes_nothing(requests: list[InferRequest]) -> None:
    """The same traffic has nothing to add to the contract that was learned from it."""
    contract = contract_of(INPUTS)
    summary = learned(requests)
    text, _ = proposed(summary, contract)
    again, found = proposed(summary, contract, text)
    assert again == text
    assert found.changes == ()
