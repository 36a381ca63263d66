"""Contracts proposed from what the gateways have told, and the files in the repository."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from control.controller.contract_proposals import ContractProposals
from control.controller.learning import LearnedTraffic
from control.controller.loop import ControllerState
from control.errors import ModelNotFound, StateConflict
from control.learning.version import LearnedVersion
from control.link.events import TrafficReport
from control.link.messages import VersionMessage
from tests.learning.made_requests import Spec, config_of, request, texts, view_of

INPUTS: Mapping[str, Spec] = {"T": ("BYTES", [1])}


class Repository:
    """A repository with one model, and gateways that learn from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "m" / "1").mkdir(parents=True)
        self.state = ControllerState()
        self.learned = LearnedTraffic()
        self.proposals = ContractProposals(self.state, self.learned, folder)
        self.load(1)

    def load(
        self, version: int, inputs: Mapping[str, Spec] = INPUTS, *, ready: bool = True
    ) -> None:
        """Let Triton have a version."""
        config = json.dumps(config_of(inputs)).encode()
        one = VersionMessage("m", version, True, ready, "", b"{}", config)  # noqa: FBT003
        self.state.versions = (*self.state.versions, one)

    def learn(
        self, *lengths: int, gateway: str = "g", version: int = 1, repeats: int = 100
    ) -> None:
        """Let a gateway see texts of these lengths, and tell."""
        learned = LearnedVersion(view_of(INPUTS, version=version))
        for length in lengths * repeats:
            one = request(texts("T", ["x" * length]))
            learned.count(one, 50)
            learned.sketch(one, None, 0.0)
        self.learned.hear(TrafficReport(gateway, learned.summary()))

    def write(self, text: str, version: int | None = None) -> None:
        """Write a contract file."""
        folder = self.folder / "m" / (str(version) if version else "")
        folder.mkdir(exist_ok=True)
        (folder / "contract.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One model, one version, no contract, no traffic."""
    return Repository(tmp_path / "models")


def test_a_model_without_a_contract_gets_a_whole_file(repository: Repository) -> None:
    """The proposal stands where the file would, and the diff makes it."""
    repository.learn(3, 40)
    found = repository.proposals.propose("m", None, 200)
    assert (found.model, found.version, found.file) == ("m", 1, "contract.yaml")
    assert (found.requests, found.sketched) == (200, 200)
    assert yaml.safe_load(found.contract)["inputs"]["T"]["max_chars"] == 44
    assert found.diff.startswith("--- /dev/null\n+++ b/m/contract.yaml\n")


def test_the_diff_can_be_applied(repository: Repository) -> None:
    """What a reviewer accepts, `git apply` puts into the repository."""
    repository.write("# mine\ninputs:\n  T:\n    max_chars: 50  # a line")
    repository.learn(3, 40)
    found = repository.proposals.propose("m", None, 200)
    command = ["git", "apply", "--unsafe-paths", "-p1", "-"]
    subprocess.run(command, input=found.diff.encode(), check=True, cwd=repository.folder)
    written = (repository.folder / "m" / "contract.yaml").read_text(encoding="utf-8")
    assert written == found.contract
    assert "    max_chars: 50  # a line\n" in written


def test_all_gateways_count(repository: Repository) -> None:
    """Each has seen a part; together they have seen enough."""
    repository.learn(3, gateway="a")
    repository.learn(90, gateway="b")
    found = repository.proposals.propose("m", None, 200)
    assert yaml.safe_load(found.contract)["drift"]["inputs"]["T"]["chars"][::10] == [3, 90]


def test_versions_that_share_the_file_are_learned_together(repository: Repository) -> None:
    """A limit for all of them must hold for the traffic of all of them."""
    repository.load(2)
    repository.learn(3, version=1)
    repository.learn(90, version=2)
    found = repository.proposals.propose("m", 1, 200)
    assert (found.version, found.requests) == (1, 200)
    assert yaml.safe_load(found.contract)["inputs"]["T"]["max_chars"] == 99


def test_a_version_with_a_file_of_its_own_is_learned_alone(repository: Repository) -> None:
    """Its limits are its own, and so is the file that is proposed."""
    repository.load(2)
    repository.write("inputs: {T: {max_bytes: 999}}\n", version=2)
    repository.learn(3, version=1)
    repository.learn(90, version=2)
    found = repository.proposals.propose("m", 2, 100)
    assert (found.file, found.requests) == ("2/contract.yaml", 100)
    assert repository.proposals.propose("m", 1, 100).file == "contract.yaml"
    assert "a/m/2/contract.yaml" in found.diff


def test_versions_with_other_inputs_are_left_out(repository: Repository) -> None:
    """What is learned of one input says nothing about another of the same name."""
    repository.load(2, {"T": ("BYTES", [-1])})
    repository.learn(3, version=1)
    repository.learn(90, version=2)
    assert repository.proposals.propose("m", 1, 100).requests == 100


def test_the_newest_ready_version_is_meant(repository: Repository) -> None:
    """As for an unpinned request."""
    repository.load(3)
    repository.load(4, ready=False)
    repository.learn(3)
    assert repository.proposals.propose("m", None, 100).version == 3


def test_too_little_traffic_is_refused_with_its_number(repository: Repository) -> None:
    """The caller reads how many requests there were and how many it takes."""
    with pytest.raises(StateConflict, match=r"0 requests to model 'm' version 1 .* at least 200"):
        repository.proposals.propose("m", None, 200)
    repository.learn(3)
    with pytest.raises(StateConflict, match=r"100 requests to model 'm' version 1 .* at least 101"):
        repository.proposals.propose("m", None, 101)


@pytest.mark.parametrize(
    ("model", "version", "complaint"),
    [
        ("n", None, "there is no model 'n'"),
        ("m", 9, "model 'm' has no version 9; there are: 1"),
        ("..", None, "there is no model '..'"),
    ],
)
def test_what_does_not_exist_is_refused(
    repository: Repository, model: str, version: int | None, complaint: str
) -> None:
    """Only Triton's models have folders that are looked into."""
    with pytest.raises(ModelNotFound, match=complaint):
        repository.proposals.propose(model, version, 1)


@pytest.mark.parametrize("text", ["inputs: [", "inputs: {T: {max_chars: many}}\n"])
def test_a_broken_file_is_not_built_upon(repository: Repository, text: str) -> None:
    """The author mends it first; the refusal says where it is broken."""
    repository.write(text)
    repository.learn(3)
    with pytest.raises(StateConflict, match=r"present contract of model 'm'.* contract\.yaml:1"):
        repository.proposals.propose("m", None, 100)
