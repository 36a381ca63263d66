"""The models and versions that a contract falls back on are there, and fit."""

from pathlib import Path

import pytest

from control.check.repository import check_repository

CONFIG = """
backend: "guarded"
max_batch_size: 4
input { name: "TEXT" data_type: TYPE_STRING dims: [ 1 ] }
input { name: "X" data_type: TYPE_FP32 dims: [ -1 ] optional: true }
output { name: "SCORE" data_type: TYPE_FP32 dims: [ 2 ] }
"""
OTHER = """
backend: "guarded"
max_batch_size: 64
input { name: "WORDS" data_type: TYPE_STRING dims: [ 1 ] }
input { name: "X" data_type: TYPE_FP32 dims: [ 3 ] optional: true }
output { name: "POINTS" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "LABEL" data_type: TYPE_STRING dims: [ 1 ] }
"""
MAPPED = "inputs: {WORDS: TEXT}, outputs: {SCORE: POINTS}"


def put(folder: Path, config: str, *versions: str) -> None:
    """Make a model's folder."""
    for version in versions:
        (folder / version).mkdir(parents=True)
        (folder / version / "compute.py").write_text("class Model: ...\n")
    (folder / "config.pbtxt").write_text(config)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A model with two versions, and another one."""
    put(tmp_path / "m", CONFIG, "1", "2")
    put(tmp_path / "other", OTHER, "7")
    return tmp_path


def faults(repository: Path, step: str) -> list[str]:
    """What the check says of a contract with one fallback."""
    (repository / "m" / "contract.yaml").write_text(f"mode: enforce\nfallbacks:\n  - {step}\n")
    return [str(one) for one in check_repository(repository, ["m"]).faults]


@pytest.mark.parametrize(
    "step",
    [
        "version: 2",
        f"model: {{name: other, {MAPPED}}}",
        f"model: {{name: other, version: 7, {MAPPED}}}",
        "model: {name: other, inputs: {WORDS: TEXT, X: X}, outputs: {SCORE: POINTS}}",
        "static: {SCORE: [0, 1]}",
    ],
)
def test_what_is_there_and_fits_is_right(repository, step):
    """Sizes that may be the same are tried when it comes to it."""
    assert faults(repository, step) == []


@pytest.mark.parametrize(
    ("step", "key", "words"),
    [
        ("version: 3", "version", "no such version of this model; there are: 1, 2"),
        ("model: {name: gone}", "model.name", "no such model in this repository; there are: m, "),
        ("model: {name: ../m}", "model.name", "no such model in this repository"),
        (
            f"model: {{name: other, version: 1, {MAPPED}}}",
            "model.version",
            "no such version of 'other'; there is: 7",
        ),
        (
            "model: {name: other, inputs: {NONE: TEXT, WORDS: TEXT}, outputs: {SCORE: POINTS}}",
            "model.inputs.NONE",
            "no such input of 'other'; there are: WORDS, X",
        ),
        (
            "model: {name: other, outputs: {SCORE: POINTS}}",
            "model.inputs",
            "'other' needs an input that is not fed: WORDS",
        ),
        (
            "model: {name: other, inputs: {WORDS: X}, outputs: {SCORE: POINTS}}",
            "model.inputs.WORDS",
            "WORDS of 'other' is BYTES, ours FP32",
        ),
        (
            "model: {name: other, inputs: {WORDS: TEXT}}",
            "model.outputs.SCORE",
            "no such output 'SCORE' of 'other'; there are: LABEL, POINTS",
        ),
        (
            "model: {name: other, inputs: {WORDS: TEXT}, outputs: {SCORE: LABEL}}",
            "model.outputs.SCORE",
            "LABEL of 'other' is BYTES, ours FP32",
        ),
    ],
)
def test_what_is_not_there_or_never_fits_is_a_fault(repository, step, key, words):
    """With the line of the step, once for both versions."""
    (found,) = faults(repository, step)
    assert found.startswith(f"m/contract.yaml:3: fallbacks[0].{key}: ")
    assert words in found


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (OTHER.replace("-1", "3"), "POINTS of 'other' has dims [3], ours [2]"),
        (OTHER.replace("-1", "-1, -1"), "POINTS of 'other' has dims [-1, -1], ours [2]"),
        (OTHER.replace("max_batch_size: 64", ""), "of this model and 'other' only one has a batch"),
        (OTHER + "sequence_batching { }", "'other' keeps state between requests"),
    ],
)
def test_the_other_model_must_be_able_to_stand_in(repository, config, words):
    """What can never be the same answer is no fallback."""
    put(repository / "other", config)
    (found,) = faults(repository, f"model: {{name: other, {MAPPED}}}")
    assert words in found


def test_a_broken_config_of_the_other_model_is_told_there(repository):
    """One fault, where it is."""
    put(repository / "other", "max_batch_size: x")
    assert faults(repository, f"model: {{name: other, {MAPPED}}}") == []
    report = check_repository(repository)
    assert [one.file for one in report.faults] == ["other/config.pbtxt"]
