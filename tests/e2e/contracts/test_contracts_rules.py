"""Every rule of a contract file on real models: what it lets pass, refuses, and only counts."""

from collections import Counter

import pytest

from tests.e2e.contracts.calls import assert_answered, assert_refused
from tests.e2e.contracts.rule_table import BY_THE_MODEL, CASES, PROBES
from tests.support.stack import wait_until

pytestmark = [pytest.mark.triton, pytest.mark.weights]

each_rule = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_rule
def test_what_keeps_the_contract_is_answered(examples, case):
    """A request at the limit gets the model's own answer."""
    examples.switch(case.model, "enforce", PROBES[case.model])
    assert_answered(examples.send(case.good), case.right)


@each_rule
def test_what_breaks_the_contract_is_refused(examples, case):
    """A request beyond the limit is refused with every breach: place, rule, limit and what came."""
    examples.switch(case.model, "enforce", PROBES[case.model])
    assert_refused(examples.send(case.bad), 422, case.violations)


@each_rule
def test_what_breaks_an_observed_contract_is_only_counted(examples, case):
    """In observe mode the model answers, if it can, and each breach is counted by its rule."""
    examples.switch(case.model, "observe", PROBES[case.model])
    rules = Counter([one["rule"] for one in case.violations] + list(case.also))
    before = {rule: examples.breaches(case.model, rule, "observe") for rule in rules}
    answer = examples.send(case.bad)
    assert answer.status == case.observed, answer.body
    if case.observed == BY_THE_MODEL:
        assert answer.code == "malformed_request"
        assert "violations" not in answer.document
    for rule, count in rules.items():
        wait_until(
            lambda: examples.breaches(case.model, rule, "observe") == before[rule] + count,  # noqa: B023
            f"{count} of {rule} counted",
        )


def test_refusals_are_counted_too(examples):
    """The same series says how many breaches were refused."""
    case = CASES[0]
    examples.switch(case.model, "enforce", PROBES[case.model])
    before = examples.breaches(case.model, "min_chars", "enforce")
    examples.send(case.bad)
    assert examples.breaches(case.model, "min_chars", "enforce") == before + 1
