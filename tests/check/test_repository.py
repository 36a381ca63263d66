"""A repository that is looked through before anything runs on it."""

import json
from pathlib import Path

import pytest

from control.check.report import Report
from control.check.repository import check_repository
from tests.support.stack import EXAMPLES, TEST_MODELS

CONFIG = """
backend: "guarded"
max_batch_size: 4
input { name: "X" data_type: TYPE_FP32 dims: [ -1 ] }
input { name: "TEXT" data_type: TYPE_STRING dims: [ 1 ] optional: true }
output { name: "Y" data_type: TYPE_FP32 dims: [ -1 ] }
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of one good model in a repository."""
    folder = tmp_path / "m"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(CONFIG)
    (folder / "1" / "compute.py").write_text("class Model: ...\n")
    return folder


def faults_of(model: Path) -> list[str]:
    """Every fault, as it is printed."""
    return [str(one) for one in check_repository(model.parent).faults]


@pytest.mark.weights
@pytest.mark.parametrize("repository", [EXAMPLES, TEST_MODELS], ids=["examples", "tests"])
def test_our_own_repositories_are_right(repository: Path) -> None:
    """What we ship passes our own check."""
    report = check_repository(repository)
    assert report.faults == []
    assert report.checked["models"] >= 4


def test_a_good_model_has_no_faults(model: Path) -> None:
    """A model with a contract that agrees with its config passes, and is counted."""
    (model / "contract.yaml").write_text("inputs: {X: {min: 0}}")
    report = check_repository(model.parent)
    assert report.faults == []
    assert report.checked == {"models": 1, "versions": 1, "contracts": 1}
    assert report.document()["ok"] is True


@pytest.mark.parametrize(
    ("file", "content", "fault"),
    [
        ("config.pbtxt", "max_batch_size: x", "m/config.pbtxt:1: is not a model config"),
        ("config.pbtxt", 'name: "other"', "m/config.pbtxt: name is 'other', the folder is 'm'"),
        (
            "contract.yaml",
            "inputs: {X: {minn: 0}}",
            "m/contract.yaml:1: inputs.X.minn: no such key",
        ),
        ("contract.yaml", "inputs:\n  X:\n    min: a", "m/contract.yaml:3: inputs.X.min: must be"),
        ("contract.yaml", "inputs:\n  Z: {}", "m/contract.yaml:2: inputs.Z: no such input"),
        ("contract.yaml", "inputs: {TEXT: {pattern: '('}}", "is not a regular expression"),
        ("contract.yaml", "inputs: {TEXT: {json_schema: {type: 5}}}", "is not a JSON Schema"),
        (
            "contract.yaml",
            "inputs: {TEXT: {tokens: {tokenizer: '{version}/t.json'}}}",
            "m/contract.yaml:1: inputs.TEXT.tokens.tokenizer: '1/t.json' is missing",
        ),
        ("1/compute.py", "def f(:", "m/1/compute.py:1: is not Python"),
        ("1/helpers/part.py", "\n\nreturn (", "m/1/helpers/part.py:3: is not Python"),
        ("1/weights.toml", "x = ", "m/1/weights.toml"),
        ("golden.json", "[]", "m/golden.json: is not a list of golden requests"),
        ("golden.json", '{"requests": [{}]}', "m/golden.json: requests[0]: is no request"),
        (
            "golden.json",
            '{"requests": [{"inputs": {}, "expect": {"Y": {"equal": 2}}}]}',
            "m/golden.json: requests[0].expect.Y: 'equal' must be a flat list of all elements",
        ),
        (
            "golden.json",
            '{"requests": [{"inputs": {}, "expect": {"Y": {"near": ["a"]}}}]}',
            "m/golden.json: requests[0].expect.Y: 'near' must be a list of numbers",
        ),
        (
            "golden.json",
            '{"requests": [{"inputs": {}, "expect": {"Y": {"near": [1], "tolerance": "0.1"}}}]}',
            "m/golden.json: requests[0].expect.Y: 'tolerance' must be a number",
        ),
        (
            "golden.json",
            '{"requests": [{"inputs": {}, "expect": {"Y": {"min": null, "max": 1}}}]}',
            "m/golden.json: requests[0].expect.Y: 'min' must be a number",
        ),
        (
            "golden.json",
            '{"requests": [{"inputs": {}, "expect_error": ["INTERNAL"]}]}',
            "m/golden.json: requests[0].expect_error: must be a text",
        ),
        (
            "golden.json",
            '{"requests": [{"inputs": {}, "parameters": 5}]}',
            "m/golden.json: requests[0].parameters: must be an object",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(model: Path, file: str, content: str, fault: str) -> None:
    """Each kind of fault says file, line and key."""
    (model / file).parent.mkdir(exist_ok=True)
    (model / file).write_text(content)
    faults = faults_of(model)
    assert len(faults) == 1
    assert fault in faults[0]


def test_golden_requests_must_keep_the_contract(model: Path) -> None:
    """A golden request that the contract would refuse is a fault; one meant to fail is not."""
    (model / "contract.yaml").write_text("inputs: {X: {max: 1}}")
    requests = [
        {"name": "good", "inputs": {"X": [[0.5, 1], [0, 0]]}},
        {"name": "high", "inputs": {"X": [[5]]}},
        {"name": "meant", "inputs": {"X": [[7]]}, "expect_error": "INVALID_ARG"},
        {"name": "other", "version": "2", "inputs": {"X": [[7]]}},
        {"name": "unknown", "inputs": {"Z": ["a"]}},
    ]
    (model / "golden.json").write_text(json.dumps({"requests": requests}))
    first = "m/golden.json: requests[1]: 'high' breaks the contract of version 1:"
    last = "m/golden.json: requests[4]: 'unknown' breaks the contract of version 1:"
    assert faults_of(model) == [
        f"{first} inputs.X[0]: max 1, got 5.0",
        f"{last} inputs.Z: unknown_input ['TEXT', 'X'], got Z",
        f"{last} inputs.X: required_input X, got nothing",
    ]


def test_weights_must_be_there(model: Path) -> None:
    """A weight file that is missing, or of another size, is a fault."""
    entry = {
        "path": "weights/w.bin", "package": "p", "version": "1", "wheel": "p-1.whl",
        "wheel_sha256": "0" * 64, "member": "w.bin", "sha256": "0" * 64, "size_bytes": 4,
    }  # fmt: skip
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    (model / "1" / "weights.toml").write_text("\n".join(["[[file]]", *lines]))
    assert faults_of(model) == [
        "m/1/weights/w.bin: is missing: fetch the weights (seawall models fetch)"
    ]
    (model / "1" / "weights").mkdir()
    (model / "1" / "weights" / "w.bin").write_bytes(b"abc")
    assert faults_of(model) == ["m/1/weights/w.bin: must have 4 bytes, got 3"]


def test_a_model_that_is_not_loaded_is_a_fault(model: Path) -> None:
    """What Seawall would leave out of Triton is said once."""
    (model / "config.pbtxt").unlink()
    assert faults_of(model) == ["m: is not loaded: has no config.pbtxt"]


def test_only_the_named_models_are_checked(model: Path) -> None:
    """Another model's faults are not of interest; a name that is no model is an error."""
    (model / "config.pbtxt").write_text("broken")
    other = model.parent / "other"
    (other / "1").mkdir(parents=True)
    (other / "config.pbtxt").write_text('backend: "python"')
    (other / "1" / "model.py").write_text("")
    report = check_repository(model.parent, ["other"])
    assert (report.faults, report.checked["models"]) == ([], 1)
    with pytest.raises(FileNotFoundError, match="no such model"):
        check_repository(model.parent, ["nothing"])


def test_an_empty_report_is_right() -> None:
    """Nothing looked at, nothing found."""
    assert Report().document() == {"ok": True, "checked": {}, "faults": []}
