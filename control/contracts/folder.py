"""Reads the contract of a model version from its folder, whole or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
import pydantic

from control.contracts.agreement import disagreements
from control.contracts.compile import FILE_NAME, compile_contract
from control.contracts.compiled import CompiledContract
from control.contracts.document import ContractDocument
from control.contracts.engines import TokenCounter
from control.contracts.faults import ContractBroken, Fault, Key
from control.contracts.reading import read_document
from control.contracts.yaml_tree import MAX_FILE_BYTES, YamlTree, parse_yaml
from control.core.contract import Contract

_MAX_TOKENIZER_BYTES: Final = 256 * 1024 * 1024


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
    """A good contract as found: resolved, compiled, its tokenizers' bytes by SHA-256."""

    file: Path
    resolved: ResolvedContract
    compiled: CompiledContract
    tokenizers: Mapping[str, bytes] = field(default_factory=dict)


def find_contract(folder: Path, version: int) -> Path | None:
    """Give the file that holds for a version: its own, else the model's."""
    own = (folder / str(version) / FILE_NAME, folder / FILE_NAME)
    return next((file for file in own if file.is_file()), None)


def read_contract(folder: Path, version: int, contract: Contract) -> ContractSource | None:
    """Read, check and compile; None where there is no file. Raises ContractBroken."""
    file = find_contract(folder, version)
    if file is None:
        return None
    name = str(file.relative_to(folder))
    tree = parse_yaml(_read(file, name, MAX_FILE_BYTES), name)
    document = read_document(tree)
    reader = _FolderReader(folder, version, tree)
    document = reader.with_schemas(document)
    tokenizers = reader.tokenizers(document)
    reader.faults += [tree.fault(*one) for one in disagreements(document, contract)]
    resolved = ResolvedContract(
        document=document.model_dump(mode="json", exclude_unset=True),
        tokenizers={name: _digest(file) for name, file in tokenizers.items()},
    )
    counters = {name: token_counter(_digest(file), file) for name, file in tokenizers.items()}
    try:
        compiled = compile_contract(document, contract, counters, resolved.revision, tree.fault)
    except ContractBroken as error:
        raise ContractBroken(_by_line([*reader.faults, *error.faults])) from error
    if reader.faults:
        raise ContractBroken(_by_line(reader.faults))
    by_digest = {_digest(file): file for file in tokenizers.values()}
    return ContractSource(file, resolved, compiled, by_digest)


def revive(
    resolved: ResolvedContract, contract: Contract, counters: Mapping[str, TokenCounter]
) -> CompiledContract:
    """Compile a resolved contract, away from its folder; raises ContractBroken."""
    try:
        document = ContractDocument.model_validate(resolved.document)
    except pydantic.ValidationError as error:
        raise ContractBroken([Fault(FILE_NAME, 0, "", str(error))]) from error
    complaints = disagreements(document, contract)
    if complaints:
        faults = [Fault(FILE_NAME, 0, ".".join(map(str, key)), text) for key, text in complaints]
        raise ContractBroken(faults)
    return compile_contract(document, contract, counters, resolved.revision)


_counters: WeakValueDictionary[str, TokenCounter] = WeakValueDictionary()


def token_counter(digest: str, file: bytes) -> TokenCounter:
    """Load a tokenizer, once for all versions that share it; raises ValueError."""
    counter = _counters.get(digest)
    if counter is None:
        counter = _counters[digest] = TokenCounter(file)
    return counter


class _FolderReader:
    def __init__(self, folder: Path, version: int, tree: YamlTree) -> None:
        self.faults: list[Fault] = []
        self._folder = folder
        self._version = version
        self._tree = tree

    def with_schemas(self, document: ContractDocument) -> ContractDocument:
        """Put the JSON Schemas that are files of their own in their places."""
        changed: dict[str, Any] = {}
        for side in ("inputs", "outputs"):
            rules = dict(getattr(document, side))
            for name, one in rules.items():
                if isinstance(one.json_schema, str):
                    schema = self._schema((side, name, "json_schema"), one.json_schema)
                    rules[name] = one.model_copy(update={"json_schema": schema})
            changed[side] = rules
        generate = document.generate
        if generate is not None and isinstance(generate.json_schema, str):
            schema = self._schema(("generate", "json_schema"), generate.json_schema)
            changed["generate"] = generate.model_copy(update={"json_schema": schema})
        return document.model_copy(update=changed)

    def tokenizers(self, document: ContractDocument) -> dict[str, bytes]:
        """Read each input's tokenizer, and make sure that it is one."""
        found: dict[str, bytes] = {}
        for name, rules in document.inputs.items():
            if rules.tokens is None:
                continue
            key: Key = ("inputs", name, "tokens", "tokenizer")
            file = rules.tokens.tokenizer.replace("{version}", str(self._version))
            data = self._file(key, file, _MAX_TOKENIZER_BYTES)
            if data is None:
                continue
            try:
                token_counter(_digest(data), data)
            except ValueError as error:
                self.faults.append(self._tree.fault(key, f"'{file}' {error}"))
            else:
                found[name] = data
        return found

    def _schema(self, key: Key, name: str) -> object:
        data = self._file(key, name, MAX_FILE_BYTES)
        if data is None:
            return True
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.faults.append(self._tree.fault(key, f"'{name}' is not JSON: {error}"))
            return True

    def _file(self, key: Key, name: str, most: int) -> bytes | None:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            self.faults.append(self._tree.fault(key, f"'{name}' is outside the model's folder"))
            return None
        try:
            return _read(path, name, most)
        except ContractBroken as error:
            self.faults += [
                self._tree.fault(key, f"'{name}' {one.message}") for one in error.faults
            ]
            return None


def _read(file: Path, name: str, most: int) -> bytes:
    try:
        size = file.stat().st_size
        if size > most:
            raise ContractBroken([Fault(name, 0, "", f"has {size} bytes, at most {most} allowed")])
        return file.read_bytes()
    except FileNotFoundError as error:
        raise ContractBroken([Fault(name, 0, "", "is missing")]) from error
    except OSError as error:
        reason = error.strerror or "unknown"
        raise ContractBroken([Fault(name, 0, "", f"cannot be read: {reason}")]) from error


def _by_line(faults: Sequence[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: fault.line)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
