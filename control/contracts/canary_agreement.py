"""Does what a contract says of trying out a version agree with the model's config, and itself?"""

from collections.abc import Iterator
from typing import Final

from control.contracts.canary_document import CanaryRules
from control.contracts.faults import Complaint, unknown_name
from control.core.canary_policy import StickyBy
from control.core.contract import Contract
from control.core.datatypes import BYTES

_STATEFUL: Final = "the model keeps state between requests (sequence_batching)"
#: What each request of a sequence may have of its own.
_PER_REQUEST: Final = frozenset({StickyBy.REQUEST_ID.value, StickyBy.REQUEST.value})


def canary_disagreements(rules: CanaryRules, contract: Contract) -> Iterator[Complaint]:
    """Give every key of ``canary`` that cannot hold, with the reason."""
    for key, message in (
        *_compare(rules, contract),
        *_weights(rules),
        *_shadow(rules),
        *_sequences(rules, contract),
    ):
        yield ("canary", *key), message


def _compare(rules: CanaryRules, contract: Contract) -> Iterator[Complaint]:
    for name, one in rules.compare.items():
        spec = contract.outputs.get(name)
        if spec is None:
            yield ("compare", name), unknown_name("output of the model", contract.outputs)
        elif spec.datatype in {BYTES, "BOOL"} and (one.absolute or one.relative):
            message = f"must be equal: the datatype is {spec.datatype}, which has no nearly"
            yield ("compare", name), message


def _weights(rules: CanaryRules) -> Iterator[Complaint]:
    said, first = rules.model_fields_set, rules.step_weights[0]
    if {"max_weight", "step_weights"} <= said and rules.max_weight < first:
        message = f"must be the first of step_weights {first:g} at least, got {rules.max_weight:g}"
        yield ("max_weight",), message


def _shadow(rules: CanaryRules) -> Iterator[Complaint]:
    shadow = rules.shadow
    if shadow.min_agreement_percent and not shadow.percent:
        message = "needs shadow.percent: no request is copied, so nothing is compared"
        yield ("shadow", "min_agreement_percent"), message


def _sequences(rules: CanaryRules, contract: Contract) -> Iterator[Complaint]:
    if not contract.stateful:
        return
    if rules.shadow.percent:
        yield ("shadow", "percent"), f"must be 0: {_STATEFUL}, and copies are no whole sequences"
    is_said = "sticky" in rules.model_fields_set and rules.sticky.header is None
    if is_said and rules.sticky.by in _PER_REQUEST:
        message = f"must be tenant or a header: {_STATEFUL}, and a sequence has one version"
        yield ("sticky",), message
