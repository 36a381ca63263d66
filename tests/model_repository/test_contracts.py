"""The example contracts fit their models, and between them show every rule."""

import re
from pathlib import Path

import pytest
import yaml

from control.contracts.folder import read_contract
from control.core.contract import derive_contract
from tests.e2e.contracts.document_keys import document_keys, keys_in
from tests.model_repository.golden_requests import REPOSITORY, config, need_weights, versions

MODELS = sorted({model for model, _ in versions()})
MEMORY = (
    "bytes_per_request",
    "bytes_per_row",
    "bytes_per_input_byte",
    "bytes_per_token",
    "budget_bytes",
    "headroom_percent",
    "device",
)
#: What only another file can show.
NOT_SHOWN = {
    "mode": "enforce is the default",
    "drift.inputs": "written by a program that has learned it",
    "outputs.integer": "no model here answers whole numbers as floats",
    "outputs.min_chars": "min_bytes says it of the labels",
    "outputs.tokens.tokenizer": "inputs only",
    "outputs.tokens.max": "inputs only",
    "outputs.tokens.on_excess": "inputs only",
    **{f"limits.memory.{key}": "measured where it runs: seawall profile" for key in MEMORY},
    "limits.queue.target_delay_ms": "half of a request's time suits all of these",
    "limits.queue.interval_ms": "goes with target_delay_ms",
    "breaker.max_wait_duration_in_half_open_state_ms": "longer than any call here",
    "retries.per_try_timeout_ms": "with one instance a second try waits behind the first",
    "retries.hedge_on_per_try_timeout": "goes with per_try_timeout_ms",
    "retries.budget_percent": "nothing here retries more than others",
    "retries.min_retry_concurrency": "goes with budget_percent",
    "cache.per_tenant": "for who may not learn from an answer's time what others ask",
    "fallbacks.model.version": "the newest one will do",
    "canary.sticky.by": "a bare word says it, and request_id is the default",
    "canary.error_rate_percent": "one false alarm in a thousand rollouts suits all of these",
    "canary.verification.max_duration_ratio": "four times the live version's suits all of these",
    "canary.verification.max_memory_ratio": "four times the live version's suits all of these",
}


def used(model: str) -> set[str]:
    return keys_in(yaml.safe_load((REPOSITORY / model / "contract.yaml").read_text("utf-8")))


@pytest.mark.weights
@pytest.mark.parametrize(("model", "version"), versions())
def test_the_contract_fits_the_model(model: str, version: str) -> None:
    """Every version's contract compiles against its config, in force and with all its files."""
    need_weights(model, version)
    source = read_contract(REPOSITORY / model, int(version), derive_contract(config(model)))
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
