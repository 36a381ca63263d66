"""Whether what a contract says of trying out a version fits the model's config."""

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.contract_files import CONFIG, compiled, faults_of

STATE = "the model keeps state between requests (sequence_batching)"
STATEFUL = {**CONFIG, "sequence_batching": {"direct": {}}}


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("compare: {Y: {absolute: 1}, LABEL: equal}", CONFIG),
        ("compare: {LABEL: {absolute: 0, relative: 0}}", CONFIG),
        ("shadow: {percent: 1, min_agreement_percent: 50}", CONFIG),
        ("shadow: {percent: 0}", STATEFUL),
        ("sticky: tenant", STATEFUL),
        ("sticky: {header: x-session}", STATEFUL),
        ("interval_s: 5", STATEFUL),
    ],
)
def test_what_holds_together_is_taken(text: str, config: dict[str, Any], tmp_path: Path):
    """A section that fits the model's config compiles."""
    compiled(tmp_path, f"canary:\n  {text}", config)


@pytest.mark.parametrize(
    ("text", "key", "words", "config"),
    [
        ("compare: {Z: equal}", "compare.Z", "no such output of the model; there are: L", CONFIG),
        (
            "compare: {LABEL: {absolute: 0.1}}",
            "compare.LABEL",
            "must be equal: the datatype is BYTES",
            CONFIG,
        ),
        (
            "{step_weights: [10, 20], max_weight: 5}",
            "max_weight",
            "must be the first of step_weights 10 at least, got 5",
            CONFIG,
        ),
        (
            "shadow: {min_agreement_percent: 5}",
            "shadow.min_agreement_percent",
            "needs shadow.percent",
            CONFIG,
        ),
        ("shadow: {percent: 1}", "shadow.percent", f"must be 0: {STATE}", STATEFUL),
        ("sticky: request", "sticky", f"must be tenant or a header: {STATE}", STATEFUL),
        ("sticky: request_id", "sticky", f"must be tenant or a header: {STATE}", STATEFUL),
    ],
)
def test_what_cannot_hold_is_a_fault(
    text: str, key: str, words: str, config: dict[str, Any], tmp_path: Path
):
    """Whatever would silently do nothing, or the wrong thing, is told with its line."""
    (found,) = faults_of(tmp_path, f"canary:\n  {text}", config)
    assert (found.line, found.key) == (2, f"canary.{key}")
    assert words in found.message
