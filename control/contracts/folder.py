"""Reads the contract of a model version from its folder, whole or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pydantic

from control.contracts.agreement import disagreements
from control.contracts.compile import compile_contract, fault_without_line
from control.contracts.compiled import CompiledContract
from control.contracts.document import ContractDocument
from control.contracts.engines import TokenCounter
from control.contracts.faults import ContractBroken, Fault
from control.contracts.files import find_contract, read_file
from control.contracts.named_files import NamedFiles, digest_of, token_counter
from control.contracts.protection_agreement import own_version_steps
from control.contracts.reading import read_document
from control.contracts.yaml_tree import MAX_FILE_BYTES, parse_yaml
from control.core.contract import Contract
from control.repository.names import CONTRACT


class ResolvedContract(msgspec.Struct, frozen=True):
    """A contract that depends on no file of the model any more.

    ``document`` is the file's content with its JSON Schemas in place, ``tokenizers`` the SHA-256
    of each input's tokenizer file.
    """

    document: dict[str, Any]
    tokenizers: dict[str, str]

    @property
    def revision(self) -> str:
        """Sixteen hexadecimal digits that change with anything in the contract."""
        text = msgspec.json.encode(self, order="sorted")
        return hashlib.sha256(text).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ContractSource:
    """A good contract as found: resolved, compiled, its tokenizers' bytes by SHA-256.

    ``named`` are the other files that it was made from.
    """

    file: Path
    resolved: ResolvedContract
    compiled: CompiledContract
    tokenizers: Mapping[str, bytes] = field(default_factory=dict)
    named: tuple[Path, ...] = ()


def read_contract(folder: Path, version: int, contract: Contract) -> ContractSource | None:
    """Read, check and compile; None where there is no file. Raises ContractBroken."""
    file = find_contract(folder, version)
    if file is None:
        return None
    name = str(file.relative_to(folder))
    tree = parse_yaml(read_file(file, name, MAX_FILE_BYTES), name)
    document = read_document(tree)
    reader = NamedFiles(folder, version, tree)
    document = reader.with_schemas(document)
    tokenizers = reader.tokenizers(document)
    complaints = disagreements(document, contract)
    if file.parent != folder:
        complaints += own_version_steps(document, version)
    reader.faults += [tree.fault(*one) for one in complaints]
    resolved = ResolvedContract(
        document=document.model_dump(mode="json", exclude_unset=True),
        tokenizers={name: digest_of(file) for name, file in tokenizers.items()},
    )
    counters = {name: token_counter(digest_of(file), file) for name, file in tokenizers.items()}
    try:
        compiled = compile_contract(document, contract, counters, resolved.revision, tree.fault)
    except ContractBroken as error:
        raise ContractBroken(_by_line([*reader.faults, *error.faults])) from error
    if reader.faults:
        raise ContractBroken(_by_line(reader.faults))
    by_digest = {digest_of(file): file for file in tokenizers.values()}
    return ContractSource(file, resolved, compiled, by_digest, tuple(reader.paths))


def revive(
    resolved: ResolvedContract, contract: Contract, counters: Mapping[str, TokenCounter]
) -> CompiledContract:
    """Compile a resolved contract, away from its folder; raises ContractBroken."""
    try:
        document = ContractDocument.model_validate(resolved.document)
    except pydantic.ValidationError as error:
        raise ContractBroken([Fault(CONTRACT, 0, "", str(error))]) from error
    complaints = disagreements(document, contract)
    needed = {name for name, one in document.inputs.items() if one.tokens is not None}
    complaints += [
        (("inputs", name, "tokens", "tokenizer"), "is missing") for name in needed - counters.keys()
    ]
    if complaints:
        raise ContractBroken([fault_without_line(*one) for one in complaints])
    return compile_contract(document, contract, counters, resolved.revision)


def _by_line(faults: Sequence[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: fault.line)
