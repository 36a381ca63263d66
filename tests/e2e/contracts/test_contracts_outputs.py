"""What a contract says of outputs: a wrong answer never reaches the caller."""

from functools import partial

import pytest
import yaml

from tests.e2e.contracts.calls import (
    assert_answered,
    assert_refused,
    breach,
    infer,
    is_refused,
    texts,
)
from tests.e2e.contracts.examples import ECHO
from tests.e2e.contracts.output_table import CASES, OutputCase
from tests.support.stack import wait_until

pytestmark = [pytest.mark.triton, pytest.mark.weights]

each_rule = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.output} {case.keys[0]}")


def contract(case: OutputCase, mode: str) -> str:
    return yaml.safe_dump({"mode": mode, "outputs": {case.output: case.rules}})


@each_rule
def test_a_wrong_answer_is_held_back(examples, case):
    """It becomes 502 with every breach; a right one reaches the caller as it is."""
    examples.write(ECHO, contract(case, "enforce"))
    answer = examples.until(case.bad, partial(is_refused, violations=case.violations))
    assert_refused(answer, 502, case.violations)
    assert_answered(examples.send(case.good), {})


@each_rule
def test_a_wrong_answer_is_only_counted_in_observe_mode(examples, case):
    """It reaches the caller, and each breach is counted by its rule."""
    (rule,) = {one["rule"] for one in case.violations}
    examples.write(ECHO, contract(case, "enforce"))
    examples.until(case.bad, partial(is_refused, violations=case.violations))
    examples.write(ECHO, contract(case, "observe"))
    examples.until(case.bad, lambda answer: answer.status == 200)
    before = examples.breaches(ECHO, rule, "observe")
    assert_answered(examples.send(case.bad), {})
    wait_until(lambda: examples.breaches(ECHO, rule, "observe") == before + 1, f"{rule} counted")


def test_a_tightened_contract_holds_a_real_model_to_it(examples):
    """A score that the contract does not allow is held back with its value; others pass."""
    praise = infer("sentiment", texts("TEXT", "I love this phone."))
    complaint = infer("sentiment", texts("TEXT", "Terrible. It broke after one hour."))
    text = examples.original("sentiment")
    examples.write("sentiment", text.replace("    max: 1\n", "    max: 0.5\n"))
    answer = examples.until(praise, lambda answer: answer.status == 502)
    (score,) = [one["got"] for one in answer.document["violations"]]
    assert 0.9 < score <= 1
    assert_refused(answer, 502, [breach("outputs.SCORE[0]", "max", 0.5, score)])
    assert_answered(examples.send(complaint), {"LABEL": {"equal": ["negative"]}})
    examples.restore("sentiment")
    examples.until(praise, lambda answer: answer.status == 200)
