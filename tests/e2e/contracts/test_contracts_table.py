"""The tables of these tests hold every key that a contract file may have."""

from itertools import chain

from tests.e2e.contracts import broken_table, output_table, rule_table
from tests.e2e.contracts.document_keys import document_keys, protection_keys

ELSEWHERE = {
    "mode": "every rule is tried in both modes",
    "drift.inputs": "compares, and refuses nothing",
    **dict.fromkeys(protection_keys(), "refuses no request for what is in it"),
}


def test_every_key_of_a_contract_is_tried_on_a_running_seawall():
    """A new rule comes with a request that keeps it and one that breaks it."""
    cases = chain(rule_table.CASES, output_table.CASES, broken_table.CASES)
    tried = set(chain.from_iterable(case.keys for case in cases))
    assert tried == document_keys() - ELSEWHERE.keys()


def test_names_of_cases_differ():
    """A failing case can be found by its name."""
    names = [case.name for case in (*rule_table.CASES, *broken_table.CASES)]
    assert len(names) == len(set(names))


def test_every_model_has_a_probe():
    """Each model has a breach that it would answer itself: it shows which mode holds."""
    assert {case.model for case in rule_table.CASES} == rule_table.PROBES.keys()
