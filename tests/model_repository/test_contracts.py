"""The example contracts fit their models, and between them show every rule."""

import re
from pathlib import Path

import pytest
import yaml

from control.contracts.folder import read_contract
from control.core.contract import derive_contract
from control.weights import missing_weights
from tests.e2e.contracts.document_keys import document_keys, keys_in
from tests.model_repository.golden_requests import REPOSITORY, config, versions

MODELS = sorted({model for model, _ in versions()})
#: What only another file can show.
NOT_SHOWN = {
    "mode": "enforce is the default",
    "drift.inputs": "written by a program that has learned it",
    "outputs.integer": "no model here answers whole numbers as floats",
    "outputs.min_chars": "min_bytes says it of the labels",
    "outputs.tokens.tokenizer": "inputs only",
    "outputs.tokens.max": "inputs only",
    "outputs.tokens.on_excess": "inputs only",
}


def used(model: str) -> set[str]:
    return keys_in(yaml.safe_load((REPOSITORY / model / "contract.yaml").read_text("utf-8")))


@pytest.mark.weights
@pytest.mark.parametrize(("model", "version"), versions())
def test_the_contract_fits_the_model(model: str, version: str) -> None:
    """Every version's contract compiles against its config, in force and with all its files."""
    folder = REPOSITORY / model
    absent = [one for one in missing_weights(REPOSITORY) if one.is_relative_to(folder / version)]
    if absent:
        pytest.skip(f"weights not fetched (seawall models fetch): {absent[0].name}")
    source = read_contract(folder, int(version), derive_contract(config(model)))
    assert source is not None
    assert source.compiled.enforced


def test_every_rule_has_an_example() -> None:
    """Whoever looks for a rule finds it in use, with the reason beside it."""
    shown = set().union(*map(used, MODELS))
    assert shown == document_keys() - NOT_SHOWN.keys()


def test_the_readme_says_which_model_shows_which_rule() -> None:
    """Its table lists each contract's keys, no more and no less."""
    readme = (Path(REPOSITORY) / "README.md").read_text("utf-8")
    section = readme.split("## `contract.yaml`")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    told = {model: set(re.findall(r"`([^`]+)`", rows[model])) for model in rows}
    assert told == {model: used(model) for model in MODELS}
