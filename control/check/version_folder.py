"""Looks at a version's own files: its code must compile, its weights must be there."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from control.check.entry_file import completed, entry_file
from control.contracts.faults import Fault
from control.weights.errors import WeightsError
from control.weights.manifest import MANIFEST, read_manifest


def version_faults(folder: Path, version: str, config: Mapping[str, Any]) -> Iterator[Fault]:
    """Give the faults of one version's files."""
    config = completed(config, folder)
    own, entry = folder / version, entry_file(config)
    if entry and not (own / entry).is_file():
        reason = f"is missing: the backend '{config['backend']}' needs it"
        yield Fault(f"{version}/{entry}", 0, "", reason)
    for file in sorted(own.rglob("*.py")):
        yield from _syntax_faults(file, str(file.relative_to(folder)))
    yield from _weight_faults(own, folder)


def _weight_faults(own: Path, folder: Path) -> Iterator[Fault]:
    manifest = own / MANIFEST
    if not manifest.is_file():
        return
    try:
        for file in read_manifest(manifest):
            name = str(file.target.relative_to(folder))
            if not file.target.is_file():
                yield Fault(name, 0, "", "is missing: fetch the weights (seawall models fetch)")
            elif file.target.stat().st_size != file.size_bytes:
                got = file.target.stat().st_size
                yield Fault(name, 0, "", f"must have {file.size_bytes} bytes, got {got}")
    except WeightsError as error:
        yield Fault(f"{own.name}/{MANIFEST}", 0, "", str(error).replace(f"{folder}/", ""))


def _syntax_faults(file: Path, name: str) -> Iterator[Fault]:
    try:
        ast.parse(file.read_bytes(), name)
    except SyntaxError as error:
        yield Fault(name, error.lineno or 0, "", f"is not Python: {error.msg}")
    except (ValueError, RecursionError, OSError) as error:
        yield Fault(name, 0, "", f"is not Python: {error}")
