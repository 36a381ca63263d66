"""Contracts proposed from what the gateways have learned, for a person to review."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from control.contracts.agreement import disagreements
from control.contracts.faults import ContractBroken
from control.contracts.files import find_contract
from control.contracts.reading import read_document
from control.contracts.yaml_tree import YamlTree, parse_yaml
from control.controller.learning import LearnedTraffic
from control.controller.loop import ControllerState
from control.core.contract import Contract, derive_contract
from control.errors import ModelNotFound, StateConflict
from control.learning.merging import merge_versions
from control.learning.proposal import Proposal, TooLittleTraffic, propose
from control.learning.summary import VersionSummary
from control.learning.yaml_edit import edit_yaml
from control.link.messages import VersionMessage
from control.repository.names import CONTRACT

_NO_LINE_END: Final = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class ProposedContract:
    """A whole proposed file. ``file`` is in the model's folder; ``diff`` is to the present one.

    ``requests`` is every request that passed, ``sketched`` those that were looked into.
    """

    model: str
    version: int
    file: str
    requests: int
    sketched: int
    contract: str
    diff: str
    notes: tuple[str, ...]


class ContractProposals:
    """Reads the model's folder on the caller's thread."""

    def __init__(self, state: ControllerState, learned: LearnedTraffic, repository: Path) -> None:
        """Propose for the models in ``state``; their folders are in ``repository``."""
        self._state = state
        self._learned = learned
        self._repository = repository

    def propose(self, model: str, version: int | None, min_requests: int) -> ProposedContract:
        """Propose a contract for a version, or for the newest.

        Raises ModelNotFound, and StateConflict where there is too little traffic, or the present
        file is broken.
        """
        versions = [one for one in self._state.versions if one.model == model]
        target = _choose(versions, model, version)
        contract = _derive(target)
        tree, text = self._present(model, target.version)
        learned = self._merge(versions, target, tree.file)
        found = propose(learned, contract, tree.values, min_requests) if learned else None
        if learned is None or not isinstance(found, Proposal):
            raise _too_little(model, target.version, found, min_requests)
        proposed = edit_yaml(text, tree.values, found.changes)
        _make_sure(proposed, tree.file, contract)
        return ProposedContract(
            model=model,
            version=target.version,
            file=tree.file,
            requests=learned.requests,
            sketched=learned.sketched,
            contract=proposed,
            diff=unified_diff(text, proposed, f"{model}/{tree.file}"),
            notes=found.notes,
        )

    def _present(self, model: str, version: int) -> tuple[YamlTree, str]:
        """Read the contract file that holds for the version; empty where there is none."""
        folder = self._repository / model
        file = find_contract(folder, version)
        if file is None:
            return YamlTree(CONTRACT, {}), ""
        name = str(file.relative_to(folder))
        try:
            data = file.read_bytes()
            tree = parse_yaml(data, name)
            read_document(tree)
        except (OSError, ContractBroken) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = f"the present contract of model '{model}' cannot be read: {reason}"
            raise StateConflict(message) from error
        return tree, data.decode("utf-8")

    def _merge(
        self, versions: Sequence[VersionMessage], target: VersionMessage, file: str
    ) -> VersionSummary | None:
        """Merge what was learned of all versions that the file holds for; the target's last."""
        reports = self._learned.of_model(target.model)
        inputs = _derive(target).inputs
        folder = self._repository / target.model
        parts: list[VersionSummary] = []
        for one in sorted(versions, key=lambda one: one.version == target.version):
            found = find_contract(folder, one.version)
            name = str(found.relative_to(folder)) if found else CONTRACT
            if name == file and _derive(one).inputs == inputs:
                parts += reports.get(one.version, [])
        return merge_versions(parts) if parts else None


def unified_diff(present: str, proposed: str, name: str) -> str:
    """Give the difference as `patch -p1` takes it; empty where there is none."""
    lines = difflib.unified_diff(
        present.splitlines(keepends=True),
        proposed.splitlines(keepends=True),
        f"a/{name}" if present else "/dev/null",
        f"b/{name}",
    )
    return "".join(line if line.endswith("\n") else f"{line}{_NO_LINE_END}" for line in lines)


def _choose(versions: Sequence[VersionMessage], model: str, version: int | None) -> VersionMessage:
    """Give the version that was asked for, else the one that unpinned requests go to."""
    if not versions:
        message = f"there is no model '{model}'"
        raise ModelNotFound(message)
    if version is None:
        return max(versions, key=lambda one: (one.ready, one.version))
    for one in versions:
        if one.version == version:
            return one
    numbers = ", ".join(str(one.version) for one in versions)
    message = f"model '{model}' has no version {version}; there are: {numbers}"
    raise ModelNotFound(message)


def _derive(one: VersionMessage) -> Contract:
    return derive_contract(msgspec.json.decode(one.config_json, type=dict[str, object]))


def _too_little(
    model: str, version: int, found: TooLittleTraffic | Proposal | None, needed: int
) -> StateConflict:
    seen = found.sketched if isinstance(found, TooLittleTraffic) else 0
    message = (
        f"too little traffic to learn from: {seen} requests to model '{model}' version {version}"
        f" were looked into, at least {needed} are needed"
    )
    return StateConflict(message)


def _make_sure(proposed: str, file: str, contract: Contract) -> None:
    """Raise ContractBroken where the proposal itself is no contract: that is a fault of ours."""
    tree = parse_yaml(proposed.encode(), file)
    faults = [tree.fault(*one) for one in disagreements(read_document(tree), contract)]
    if faults:
        raise ContractBroken(faults)
