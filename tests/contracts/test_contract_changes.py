"""What changes for callers between two contract files."""

import pytest

from control.contracts.contract_changes import diff_rules
from control.contracts.document import ParameterRules, TensorRules
from control.contracts.faults import ContractBroken
from control.core.contract_diff import ContractDiff
from tests.contracts.rule_changes import TIGHTER, TOKENS, diff


@pytest.mark.parametrize(("loose", "tight", "sentence"), TIGHTER)
def test_tighter_rules_of_requests_are_breaking_and_looser_ones_are_not(loose, tight, sentence):
    """What was taken must be taken; taking more hurts nobody."""
    assert sentence in diff(loose, tight).breaking
    assert diff(loose, tight).compatible == ()
    back = diff(tight, loose)
    assert back.breaking == ()
    assert len(back.compatible) == len(diff(loose, tight).breaking)


@pytest.mark.parametrize(
    ("loose", "tight"),
    [(loose, tight) for loose, tight, said in TIGHTER if said.startswith("inputs.")],
)
def test_rules_of_answers_are_read_the_other_way_round(loose, tight):
    """Less that may come is compatible; more is what nobody has reckoned with."""
    loose, tight = loose.replace("inputs", "outputs"), tight.replace("inputs", "outputs")
    assert diff(loose, tight).breaking == ()
    assert diff(tight, loose).compatible == ()
    assert len(diff(loose, tight).compatible) == len(diff(tight, loose).breaking) > 0


@pytest.mark.parametrize(
    ("live", "new"),
    [
        ("pattern: a+", "pattern: a*"),
        ("json_schema: {type: object}", "json_schema: {type: array}"),
        ("values: [a, b]", "values: [b, c]"),
    ],
)
def test_what_cannot_be_compared_is_breaking_for_who_sends_and_who_reads(live, new):
    """Another pattern may allow less here and more there."""
    for side in ("inputs", "outputs"):
        one, other = (f"{side}: {{T: {{{text}}}}}" for text in (live, new))
        for found in (diff(one, other), diff(other, one)):
            assert (len(found.breaking), found.compatible) == (1, ())


@pytest.mark.parametrize(
    ("live", "new"),
    [
        ("", "inputs: {X: {}}"),
        ("inputs: {T: {min_chars: 1}}", "inputs: {T: {min_chars: 1, encoding: utf-8}}"),
        ("inputs: {X: {min: 0, max: 1}}", "inputs: {X: {min: 0.0, max: 1, finite: true}}"),
        ("inputs: {T: {values: [a, b]}}", "inputs: {T: {values: [b, a]}}"),
        (
            "inputs: {T: {json_schema: {type: object, required: [a]}}}",
            "inputs: {T: {json_schema: {required: [a], type: object}}}",
        ),
        ("parameters: {}", "other_parameters: reject"),
        ("inputs: {X: {dims: [3]}}", "inputs: {X: {dims: [{min: 3, max: 3}]}}"),
        ("", "mode: observe\ninputs: {X: {max: 1}}\noutputs: {Y: {max: 1}}"),
        ("", "limits: {deadline_ms: 5}\nretries: {num_retries: 0}\ncanary: {interval_s: 1}"),
        (
            f"inputs: {{T: {{tokens: {TOKENS}}}}}",
            f"inputs: {{T: {{max_bytes: {2**20}, tokens: {TOKENS}}}}}",
        ),
    ],
)
def test_what_goes_without_saying_may_be_said(live, new):
    """Two ways to write one rule are one rule; and what guards a version is no promise."""
    assert diff(live, new) == ContractDiff()
    assert diff(new, live) == ContractDiff()


def test_a_parameter_that_is_taken_now_hurts_nobody_unless_it_must_be_given():
    """Nobody has sent it so far."""
    assert diff("parameters: {}", "parameters: {p: {type: string}}") == ContractDiff(
        compatible=("parameters.p was rejected, and is taken",)
    )
    assert diff("parameters: {}", "parameters: {p: {type: string, required: true}}").breaking == (
        "parameters.p was rejected, and is required",
    )


def test_a_document_that_cannot_be_read_is_not_compared():
    """Nothing is compared by halves."""
    with pytest.raises(ContractBroken):
        diff_rules({}, {"inputs": 5})


def test_every_rule_is_compared():
    """A key that a later contract may have cannot be forgotten here."""
    left_out = {"datatype", "rank", "tokens", "dims"}
    compared = {"dims", "tokens"} | {
        sentence.partition(":")[0].split(".")[2].partition("[")[0]
        for _, _, sentence in TIGHTER
        if sentence.startswith("inputs.")
    }
    assert compared == TensorRules.model_fields.keys() - left_out | {"dims", "tokens"}
    parameters = {
        sentence.partition(":")[0].rpartition(".")[2]
        for _, _, sentence in TIGHTER
        if sentence.startswith("parameters.p.")
    }
    assert parameters == ParameterRules.model_fields.keys() - {"min"}
