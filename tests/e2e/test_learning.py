"""From traffic to a contract, and from the contract to a measure of drift, with the real Triton."""

import random
import shutil
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from control.cli import app
from tests.support.answers import Answer
from tests.support.exchange import post_json
from tests.support.stack import TEST_MODELS, Stack, kill, wait_until

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of our own, with one model that has no contract."""
    folder: Path = tmp_path_factory.mktemp("repository")
    shutil.copytree(TEST_MODELS / "text", folder / "text")
    return folder


@pytest.fixture(scope="module")
def stack(repository: Path) -> Iterator[Stack]:
    """A running Seawall over it."""
    with Stack(repository) as stack:
        yield stack


def infer(stack: Stack, text: str, **parameters: Any) -> Answer:
    """One inference on a text."""
    tensor = {"name": "TEXT", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
    document = {"inputs": [tensor], "parameters": parameters}
    return post_json(stack.http, "/v2/models/text/infer", document)


def proposal(stack: Stack) -> Any:
    """The proposed contract; None while there is too little traffic."""
    try:
        return stack.ask_admin("GET", "/models/text/contract/proposal?min_requests=120")
    except urllib.error.HTTPError as error:
        if error.code == 409:
            return None
        raise


def drift(stack: Stack, feature: str) -> float:
    """The index of a feature of the text; 0 where there is none."""
    return stack.metric("seawall_input_drift_psi", model="text", input="TEXT", feature=feature)


def test_a_contract_is_learned_kept_and_watched(stack: Stack, repository: Path) -> None:
    """Traffic becomes a proposal, a file that refuses other traffic, and a measure of drift."""
    chance = random.Random(4)
    assert proposal(stack) is None
    lengths: list[int] = []

    def is_told() -> bool:
        lengths.append(chance.randint(20, 60))
        assert infer(stack, "x" * lengths[-1], top=lengths[-1] % 7).status == 200
        return proposal(stack) is not None

    wait_until(is_told, "the gateway has told")
    learned = CliRunner().invoke(
        app,
        [
            *("contract", "learn", "text", "--config", str(stack.config), "--min-requests", "120"),
            *("--write", str(repository / "text" / "contract.yaml")),
        ],
    )
    assert learned.exit_code == 0, learned.output
    written = (repository / "text" / "contract.yaml").read_text()
    assert yaml.safe_load(written)["inputs"]["TEXT"]["max_chars"] <= 67
    assert yaml.safe_load(written)["parameters"]["top"]["type"] == "integer"

    wait_until(lambda: infer(stack, "x" * 68, top=1).status == 422, "the contract holds")
    refused = infer(stack, "", top=1.5).document["violations"]
    assert {one["rule"] for one in refused} == {"min_chars", "parameter_type"}
    assert infer(stack, "x" * 40, other=1).document["violations"][0]["rule"] == "unknown_parameter"
    for length in set(lengths):
        assert infer(stack, "x" * length, top=length % 7).status == 200

    def is_seen_to_drift() -> bool:
        assert infer(stack, "x" * chance.randint(1, 22), top=3).status == 200
        return drift(stack, "chars") > 0.25

    wait_until(is_seen_to_drift, "the drift is seen")
    outside = stack.metric(
        "seawall_input_outside_envelope_ratio", model="text", input="TEXT", feature="chars"
    )
    assert 0.1 < outside < 1.0


def test_what_was_learned_outlives_the_controller(stack: Stack) -> None:
    """A new controller is told everything again by gateways that never stopped."""
    assert infer(stack, "x" * 30, top=1).status == 200
    before = wait_until(lambda: proposal(stack), "there is a proposal")
    kill(stack.child_pid("control.controller.process"))
    assert infer(stack, "x" * 31, top=1).status == 200

    def told_again() -> Any:
        try:
            return proposal(stack)
        except OSError:
            return None

    after = wait_until(told_again, "the new controller was told")
    assert after["requests"] >= before["requests"]
