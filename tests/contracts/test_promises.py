"""What changes for callers between two versions, each with its config and its contract file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.contracts.contract_changes import Promise, diff_promises
from control.contracts.folder import read_contract
from control.core.contract_diff import ContractDiff
from tests.contracts.contract_files import contract_of
from tests.contracts.rule_changes import document

CONFIG = contract_of()


def promised(text: str, **config: Any) -> Promise:
    """A version's promise: the test model's config, and a file."""
    return Promise(replace(CONFIG, **config), document(text))


@pytest.mark.parametrize(
    "text",
    [
        "limits: {batch: 4}",
        "inputs: {TEXT: {datatype: BYTES, rank: 1, dims: [1]}}",
        "inputs: {IMAGE: {min: 0, max: 255, dims: [3, -1, -1]}}",
        f"inputs: {{N: {{min: {-(2**31)}, dims: [{{min: 1}}]}}}}",
        "outputs: {LABEL: {dims: [1]}}",
    ],
)
def test_a_rule_that_repeats_the_config_changes_nothing(text):
    """Writing down what Triton's config says already is no news for callers."""
    assert diff_promises(promised(""), promised(text)) == ContractDiff()
    assert diff_promises(promised(text), promised("")) == ContractDiff()


def test_a_tensor_that_is_new_may_have_rules():
    """Nobody has sent it, so nothing of it is refused that was taken."""
    inputs = {name: spec for name, spec in CONFIG.inputs.items() if name != "X"}
    found = diff_promises(promised("", inputs=inputs), promised("inputs: {X: {max: 1}}"))
    assert found == ContractDiff(compatible=("input X is new, and optional",))


def test_a_tensor_of_another_kind_is_told_once():
    """Where datatypes differ there is nothing to compare rules of."""
    other = {**CONFIG.inputs, "X": replace(CONFIG.inputs["X"], datatype="FP64")}
    found = diff_promises(promised(""), promised("inputs: {X: {max: 1}}", inputs=other))
    assert found.breaking == ("input X: the datatype was FP32, and is FP64",)


def test_config_and_file_are_told_together(tmp_path: Path):
    """What the config changes comes first, then what the file does."""
    (tmp_path / "contract.yaml").write_text("inputs: {X: {max: 5}}\noutputs: {Y: {max: 5}}")
    source = read_contract(tmp_path, 1, CONFIG)
    assert source is not None
    new = Promise(CONFIG, source.resolved.document)
    live = Promise(replace(CONFIG, max_batch_size=8))
    assert diff_promises(live, new) == ContractDiff(
        breaking=("the largest batch was 8, and is 4", "inputs.X.max: none became 5"),
        compatible=("outputs.Y.max: none became 5",),
    )
