"""The files of a model that its contract names: JSON Schemas and tokenizers."""

import hashlib
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

from control.contracts.document import ContractDocument
from control.contracts.engines import TokenCounter
from control.contracts.faults import ContractBroken, Fault, Key
from control.contracts.files import read_file
from control.contracts.yaml_tree import MAX_FILE_BYTES, YamlTree

_MAX_TOKENIZER_BYTES: Final = 256 * 1024 * 1024

_counters: WeakValueDictionary[str, TokenCounter] = WeakValueDictionary()


def token_counter(digest: str, file: bytes) -> TokenCounter:
    """Load a tokenizer, once for all versions that share it; raises ValueError."""
    counter = _counters.get(digest)
    if counter is None:
        counter = _counters[digest] = TokenCounter(file)
    return counter


class NamedFiles:
    """Reads what a contract names; keeps the faults, and the paths of what was read."""

    def __init__(self, folder: Path, version: int, tree: YamlTree) -> None:
        """Read for one version from its model's folder; find lines in ``tree``."""
        self.faults: list[Fault] = []
        self.paths: list[Path] = []
        self._folder = folder
        self._version = version
        self._tree = tree

    def with_schemas(self, document: ContractDocument) -> ContractDocument:
        """Put the JSON Schemas that are files of their own in their places."""
        changed: dict[str, Any] = {}
        for side in ("inputs", "outputs"):
            rules = dict(getattr(document, side))
            for name, one in rules.items():
                if one.json_schema is not None:
                    schema = self._schema((side, name, "json_schema"), one.json_schema)
                    rules[name] = one.model_copy(update={"json_schema": schema})
            if rules:
                changed[side] = rules
        generate = document.generate
        if generate is not None:
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
                token_counter(digest_of(data), data)
            except ValueError as error:
                self.faults.append(self._tree.fault(key, f"'{file}' {error}"))
            else:
                found[name] = data
        return found

    def _schema(self, key: Key, schema: object) -> object:
        """Give a schema, read if it is a file's name; True in place of one that cannot be used."""
        found: object = schema
        if isinstance(schema, str):
            data = self._file(key, schema, MAX_FILE_BYTES)
            if data is None:
                return True
            try:
                found = msgspec.json.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                self.faults.append(self._tree.fault(key, f"'{schema}' is not JSON: {error}"))
                return True
        fault = ""
        if not isinstance(found, (dict, bool)):
            fault = f"'{schema}' is not a JSON Schema: it must be an object, true or false"
        elif not _survives_json(found):
            fault = "holds a number that JSON cannot carry"
        if fault:
            self.faults.append(self._tree.fault(key, fault))
        return True if fault else found

    def _file(self, key: Key, name: str, most: int) -> bytes | None:
        try:
            path = (self._folder / name).resolve()
            inside = path.is_relative_to(self._folder.resolve())
        except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL, a name too long
            inside = False
        if not inside:
            self.faults.append(self._tree.fault(key, f"'{name}' is outside the model's folder"))
            return None
        self.paths.append(path)
        try:
            return read_file(path, name, most)
        except ContractBroken as error:
            self.faults += [
                self._tree.fault(key, f"'{name}' {one.message}") for one in error.faults
            ]
            return None


def _survives_json(value: object) -> bool:
    """Whether a value is the same after it was written and read: not-a-number is not."""
    try:
        return bool(msgspec.json.decode(msgspec.json.encode(value)) == value)
    except (msgspec.MsgspecError, OverflowError, RecursionError, UnicodeError):
        return False


def digest_of(data: bytes) -> str:
    """Give the SHA-256 that a file is kept by."""
    return hashlib.sha256(data).hexdigest()
