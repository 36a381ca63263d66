"""What a contract says of load and failure fits the model's config, and itself."""

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.contract_files import CONFIG, compiled, faults_of, word_pieces

STATEFUL = {**CONFIG, "sequence_batching": {"direct": {}}}
COUNTED = "inputs: {TEXT: {tokens: {tokenizer: t.json}}}"
KEPT = "deterministic: true\ncache: {ttl_s: 1}"
STATE = "the model keeps state between requests (sequence_batching)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with a tokenizer and two versions."""
    (tmp_path / "t.json").write_bytes(word_pieces())
    (tmp_path / "1").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        f"{COUNTED}\nlimits: {{memory: {{bytes_per_token: 5}}}}",
        "limits: {memory: {bytes_per_token: 0}}",
        "limits: {deadline_ms: 10}\nretries: {per_try_timeout_ms: 9}",
        "deterministic: true",
        f"{KEPT}\nfallbacks: [cache: {{max_stale_s: 1}}]",
        "fallbacks: [version: 1, version: 2]",
        "fallbacks: [model: {name: other, inputs: {A: TEXT, B: TEXT}, outputs: {Y: A, LABEL: A}}]",
        "fallbacks: [model: {name: other}]",
        "outputs: {Y: {max: 1, dims: [2]}}\nfallbacks: [static: {Y: [0, 1], LABEL: a}]",
    ],
)
def test_what_holds_together_is_taken(folder, text):
    """A file of the whole model may name each of its versions: that one skips the step."""
    compiled(folder, text)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (
            "limits: {memory: {bytes_per_token: 5}}",
            "limits.memory.bytes_per_token",
            "needs an input with 'tokens'",
        ),
        (
            "limits: {deadline_ms: 10}\nretries: {per_try_timeout_ms: 10}",
            "retries.per_try_timeout_ms",
            "must be less than limits.deadline_ms 10, got 10",
        ),
        ("cache: {ttl_s: 1}", "cache", "needs deterministic: true"),
        ("fallbacks: [cache: {max_stale_s: 1}]", "fallbacks[0].cache", "needs the key 'cache'"),
        ("fallbacks: [model: {name: m}]", "fallbacks[0].model.name", "is this model itself"),
        (
            "fallbacks: [model: {name: o, inputs: {A: GONE}}]",
            "fallbacks[0].model.inputs.A",
            "no such input of this model; there are: IMAGE, MORE, N, TEXT, X",
        ),
        (
            "fallbacks: [model: {name: o, outputs: {Y: A, LABEL: B, Z: C}}]",
            "fallbacks[0].model.outputs.Z",
            "no such output of this model; there are: LABEL, Y",
        ),
        (
            "fallbacks: [model: {name: o, outputs: {Y: A}}]",
            "fallbacks[0].model.outputs",
            "must give every output of this model; missing: LABEL",
        ),
        ("fallbacks: [static: {Y: [1]}]", "fallbacks[0].static", "missing: LABEL"),
        (
            "fallbacks: [static: {Y: 1, LABEL: a, Z: 1}]",
            "fallbacks[0].static.Z",
            "no such output of this model",
        ),
        (
            "fallbacks: [static: {Y: [[1]], LABEL: a}]",
            "fallbacks[0].static.Y",
            "the model's config says dims [-1], got [1, 1]",
        ),
        (
            "fallbacks: [static: {Y: 1, LABEL: 5}]",
            "fallbacks[0].static.LABEL",
            "must be a text: put it in quotes (5)",
        ),
        (
            "outputs: {Y: {max: 1}}\nfallbacks: [static: {Y: [0, 2], LABEL: a}]",
            "fallbacks[0].static.Y",
            "breaks outputs.Y: max 1, got 2.0",
        ),
        (
            "outputs: {Y: {dims: [3]}}\nfallbacks: [static: {Y: [0, 2], LABEL: a}]",
            "fallbacks[0].static.Y",
            "breaks outputs.Y: dim dims[0] 3..3, got 2",
        ),
        (
            "outputs: {LABEL: {values: [good]}}\nfallbacks: [static: {Y: 1, LABEL: bad}]",
            "fallbacks[0].static.LABEL",
            "breaks outputs.LABEL: values ['good'], got bad",
        ),
    ],
)
def test_what_cannot_hold_is_told_at_its_key(folder, text, key, words):
    """Each fault says what would be right."""
    (found,) = faults_of(folder, text)
    assert (found.key, found.line) == (key, text.count("\n") + 1)
    assert words in found.message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("deterministic: true", "deterministic"),
        ("retries: {num_retries: 1}", "retries.num_retries"),
        ("fallbacks: [version: 1]", "fallbacks[0].version"),
        (
            "retries: {per_try_timeout_ms: 5, hedge_on_per_try_timeout: true}",
            "retries.hedge_on_per_try_timeout",
        ),
    ],
)
def test_a_stateful_model_gives_no_answer_twice_and_none_for_another(folder, text, key):
    """Its answer depends on what came before, and a second try would come again."""
    compiled(folder, text)
    (found,) = faults_of(folder, text, STATEFUL)
    assert found.key == key
    assert STATE in found.message


def test_a_stateful_model_may_say_that_it_is_asked_once(folder):
    """What holds anyway may be said."""
    assert (
        compiled(folder, "retries: {num_retries: 0}", STATEFUL).protection.retries.num_retries == 0
    )


def test_a_versions_own_file_names_no_fallback_to_itself(folder):
    """There such a step could only be a mistake."""
    text = "fallbacks: [version: 2, version: 1]"
    (folder / "1" / "contract.yaml").write_text(text)
    (found,) = faults_of(folder, text)
    assert str(found) == "1/contract.yaml:1: fallbacks[1].version: is this version itself"


def test_a_static_answer_of_a_model_without_a_batch_is_the_whole_answer(folder):
    """Its sizes are those that the contract's own rules are held against."""
    config: dict[str, Any] = {**CONFIG, "max_batch_size": 0}
    text = "outputs: {Y: {dims: [2]}}\nfallbacks: [static: {Y: [0, 1], LABEL: a}]"
    (step,) = compiled(folder, text, config).protection.fallbacks
    assert [one.shape for one in step.answer] == [(2,), (1,)]


def test_protection_holds_where_breaches_are_only_observed(folder):
    """``mode`` is about what stands in requests and answers."""
    rules = compiled(folder, "mode: observe\nlimits: {deadline_ms: 500}")
    assert not rules.enforced
    assert rules.protection.deadline_s == 0.5
